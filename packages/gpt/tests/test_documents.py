import errno
import json
import os
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gpt.errors import BadInput
from gpt.pretraining import TrainConfig, load_text
from gpt.text.documents import documents_sha256, load_documents, split_documents

ALL = 10**9


def test_a_file_is_split_at_end_of_text(tmp_path):
    (tmp_path / "a.txt").write_text("one<|endoftext|>two<|endoftext|> ")
    assert load_documents(str(tmp_path / "a.txt"), ALL) == ["one", "two"]


def test_a_folder_is_read_in_the_order_of_its_paths(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.md").write_text("second")
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "sub" / "rows.jsonl").write_text('{"text": "third"}\n\n{"text": "fourth"}\n')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    assert load_documents(str(tmp_path), ALL) == ["first", "second", "third", "fourth"]


def test_a_source_is_cut_at_the_limit(tmp_path):
    (tmp_path / "a.txt").write_text("abcdef<|endoftext|>ghijkl<|endoftext|>mno")
    assert load_documents(str(tmp_path / "a.txt"), 8) == ["abcdef", "gh"]
    assert load_documents(str(tmp_path / "a.txt"), 6) == ["abcdef"]


def test_a_row_without_text_is_named(tmp_path):
    for row in ('{"body": "b"}', '{"text": 7}', '{"text": "\\ud83d"}', "[]", "{"):
        (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n' + row)
        with pytest.raises(BadInput, match=r'line 2 of .*: the row is not an object with a "text"'):
            load_documents(str(tmp_path / "rows.jsonl"), ALL)


def test_a_row_with_two_texts_is_refused(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "text": "b"}')
    with pytest.raises(BadInput, match="line 1 of .*: the key 'text' occurs twice in one object"):
        load_documents(str(tmp_path / "rows.jsonl"), ALL)


def test_a_data_set_is_streamed_by_the_hub_library(tmp_path):
    """The library accepts a folder as an id, so the real code runs without a network."""
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    rows = [{"text": f"document {n}"} for n in range(5)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    documents = load_documents(f"hub:{tmp_path}", 22)
    assert documents == ["document 0", "document 1", "do"]


def test_a_data_set_without_text_or_configuration_is_reported_in_a_sentence(tmp_path):
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    (tmp_path / "data.jsonl").write_text('{"body": "a"}\n')
    with pytest.raises(BadInput, match=r"without a text .* its columns are \['body'\]"):
        load_documents(f"hub:{tmp_path}", ALL)
    with pytest.raises(BadInput, match="BuilderConfig 'klingon' not found"):
        load_documents(f"hub:{tmp_path}:klingon", ALL)


def test_a_row_whose_text_is_missing_is_reported_in_a_sentence(tmp_path):
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    (tmp_path / "data.jsonl").write_text('{"text": "a"}\n{"text": null}\n')
    with pytest.raises(BadInput, match="has a row without a text"):
        load_documents(f"hub:{tmp_path}", ALL)


def test_rows_end_only_at_newlines(tmp_path):
    rows = ["one\u2028two", "three\x85four", "five\x0csix"]
    text = "".join(json.dumps({"text": row}, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(text.replace("\\f", "\\u000c"), encoding="utf-8")
    assert load_documents(str(tmp_path / "rows.jsonl"), ALL) == rows


def test_a_folder_named_like_a_text_is_a_folder(tmp_path):
    (tmp_path / "notes.md").mkdir()
    (tmp_path / "notes.md" / "a.txt").write_text("inside")
    assert load_documents(str(tmp_path), ALL) == ["inside"]


def test_suffixes_in_capitals_are_the_same_kinds(tmp_path):
    (tmp_path / "A.TXT").write_text("first")
    (tmp_path / "ROWS.JSONL").write_text('{"text": "second"}')
    assert load_documents(str(tmp_path), ALL) == ["first", "second"]
    assert load_documents(str(tmp_path / "ROWS.JSONL"), ALL) == ["second"]


def test_files_of_a_folder_that_are_not_read_are_counted_by_kind(tmp_path):
    for name in ("a.txt", "b.MD", "c.pdf", "d.PDF", "Makefile", ".hidden.txt", "rows.json"):
        (tmp_path / name).write_text(f"text of {name}")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "message.txt").write_text("not a text of the corpus")
    notes = []
    assert load_documents(str(tmp_path), ALL, notes) == ["text of a.txt", "text of b.MD"]
    (note,) = notes
    assert note.startswith(f"2 files of {str(tmp_path)!r} are read")
    assert note.endswith("and 6 are not: 2 hidden, 2 .pdf, 1 no suffix, 1 .json")


def test_the_command_says_what_is_not_read(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("one<|endoftext|>two<|endoftext|>two")
    (tmp_path / "b.pdf").write_text("")
    text = load_text(TrainConfig(data=str(tmp_path), validation_share=0.6))
    assert sorted(text.train + text.validation) == ["one", "two"]
    messages = capsys.readouterr().err
    assert "1 are not: 1 .pdf" in messages
    assert "1 duplicate documents are dropped" in messages


def test_a_folder_without_text_says_what_it_holds(tmp_path):
    (tmp_path / "a.pdf").write_text("")
    with pytest.raises(BadInput, match=r"holds no \.jsonl, .*\.txt file \(1 \.pdf\)"):
        load_documents(str(tmp_path), ALL)


@pytest.mark.skipif(sys.platform == "win32", reason="posix: links")
def test_links_are_followed_and_a_file_with_two_names_is_read_once(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "a.txt").write_text("linked")
    (folder / "b.txt").write_text("own")
    (folder / "books").symlink_to(elsewhere)
    (folder / "c.txt").symlink_to(folder / "b.txt")
    (folder / "gone.txt").symlink_to(folder / "nowhere.txt")
    (elsewhere / "round").symlink_to(folder)
    notes = []
    assert load_documents(str(folder), ALL, notes) == ["own", "linked"]
    assert "2 are not" in notes[0]
    assert "1 second name of a file" in notes[0]
    assert "1 broken link" in notes[0]


def test_a_folder_that_cannot_be_read_is_not_ignored(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.txt").write_text("text")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="locked"):
        load_documents(str(tmp_path), ALL)


def test_equal_documents_of_a_file_are_read_once_and_counted(tmp_path):
    """Otherwise one of them could be held out while the other is trained on."""
    (tmp_path / "a.txt").write_text("<|endoftext|>".join(["same", "other", "same", " ", " "]))
    notes = []
    assert load_documents(str(tmp_path / "a.txt"), ALL, notes) == ["same", "other"]
    assert notes == ["1 duplicate documents are dropped"]


def test_a_source_that_is_cut_off_says_so(tmp_path):
    (tmp_path / "a.txt").write_text("abcdef<|endoftext|>ghijkl")
    for limit, cut in ((6, True), (8, True), (12, False), (13, False)):
        notes = []
        load_documents(str(tmp_path / "a.txt"), limit, notes)
        assert notes == [f"the text is cut off after {limit} characters (--max-characters)"] * cut


def test_duplicates_of_a_source_that_is_cut_off_are_counted(tmp_path):
    (tmp_path / "a.txt").write_text("<|endoftext|>".join(["abc", "abc", "defg", "hij"]))
    notes = []
    assert load_documents(str(tmp_path / "a.txt"), 5, notes) == ["abc", "de"]
    assert notes == [
        "the text is cut off after 5 characters (--max-characters)",
        "1 duplicate documents are dropped",
    ]


def test_json_is_not_trained_on_as_text(tmp_path):
    (tmp_path / "rows.Json").write_text('[{"text": "a"}]')
    with pytest.raises(BadInput, match=r"rows.Json' is JSON, not text; give a .jsonl file"):
        load_documents(str(tmp_path / "rows.Json"), ALL)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    """A shell does not replace it in `--data=~/a.txt`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a.txt").write_text("at home")
    assert load_documents("~/a.txt", ALL) == ["at home"]
    with pytest.raises(BadInput, match="no file or folder '~no-such-user/a.txt'"):
        load_documents("~no-such-user/a.txt", ALL)


def test_a_file_with_a_pattern_in_its_name_is_that_file(tmp_path):
    for name in ("part1.txt", "part[1].txt", "part*.txt", "a part.txt"):
        (tmp_path / name).write_text(name)
        assert load_documents(str(tmp_path / name), ALL) == [name]


def test_a_hub_that_cannot_be_reached_is_reported_in_a_sentence(monkeypatch):
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    with pytest.raises(BadInput, match="'nobody/nothing' cannot be reached on the hub; check"):
        load_documents("hub:nobody/nothing", ALL)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(st.lists(st.text(min_size=1), min_size=2), st.integers(0, 5))
@example(["0 ", "00"], 0)  # the end of the longest document is blank
def test_every_document_is_on_one_side_of_the_split(documents, seed):
    split = split_documents(documents, 0.3, seed)
    assert sorted("".join(split.train + split.validation)) == sorted("".join(documents))
    assert "".join(split.train)
    assert sum(map(len, split.validation)) <= 0.3 * sum(map(len, documents))


def test_the_split_keeps_whole_documents_and_depends_on_the_seed():
    documents = [f"document number {n}" for n in range(100)]
    split = split_documents(documents, 0.1, 0)
    assert set(split.train) | set(split.validation) == set(documents)
    assert not set(split.train) & set(split.validation)
    assert 8 <= len(split.validation) <= 11
    assert split == split_documents(documents, 0.1, 0) != split_documents(documents, 0.1, 1)


def test_one_book_is_cut_near_its_end_at_a_line_break():
    book = "".join(f"line {n}\n" for n in range(100))
    split = split_documents([book], 0.1, 0)
    assert split.train[0] + split.validation[0] == book
    assert split.train[0].endswith("\n")
    assert 0.07 < len(split.validation[0]) / len(book) <= 0.1


def test_a_book_on_one_line_is_cut_anywhere():
    split = split_documents(["words " * 100 + "\n"], 0.1, 0)
    assert len(split.validation[0]) == 60


def test_a_short_note_does_not_replace_the_share():
    book = "".join(f"line {n}\n" for n in range(100))
    split = split_documents([book, "a note"], 0.1, 0)
    assert split.train[1] == "a note"
    assert 0.07 < len(split.validation[0]) / len(book) <= 0.11


def test_the_digest_names_the_text_and_its_boundaries():
    assert documents_sha256(["ab", "c"]) == documents_sha256(["ab", "c"])
    assert (
        len(
            {
                documents_sha256(d)
                for d in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"], ["a\0b"])
            }
        )
        == 5
    )
