import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt.errors import BadInput
from gpt.text.documents import digest, load_documents, split_documents

ALL = 10**9


def test_a_file_parts_at_end_of_text(tmp_path):
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
        with pytest.raises(BadInput, match=r'line 2 of .* is not an object with a "text"'):
            load_documents(str(tmp_path / "rows.jsonl"), ALL)


def test_a_data_set_is_streamed_by_the_hub_library(tmp_path):
    """The library takes a folder for an id, so the real path runs without a network."""
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    rows = [{"text": f"document {n}"} for n in range(5)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    documents = load_documents(f"hub:{tmp_path}", 22)
    assert documents == ["document 0", "document 1", "do"]


def test_a_data_set_without_text_or_configuration_is_told_in_a_sentence(tmp_path):
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    (tmp_path / "data.jsonl").write_text('{"body": "a"}\n')
    with pytest.raises(BadInput, match=r"without a text .* its columns are \['body'\]"):
        load_documents(f"hub:{tmp_path}", ALL)
    with pytest.raises(BadInput, match="BuilderConfig 'klingon' not found"):
        load_documents(f"hub:{tmp_path}:klingon", ALL)


def test_a_row_whose_text_is_missing_is_told_in_a_sentence(tmp_path):
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    (tmp_path / "data.jsonl").write_text('{"text": "a"}\n{"text": null}\n')
    with pytest.raises(BadInput, match="has a row without a text"):
        load_documents(f"hub:{tmp_path}", ALL)


def test_rows_end_at_newlines_alone(tmp_path):
    rows = ["one\u2028two", "three\x85four", "five\x0csix"]
    text = "".join(json.dumps({"text": row}, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(text.replace("\\f", "\\u000c"), encoding="utf-8")
    assert load_documents(str(tmp_path / "rows.jsonl"), ALL) == rows


def test_a_folder_named_like_a_text_is_a_folder(tmp_path):
    (tmp_path / "notes.md").mkdir()
    (tmp_path / "notes.md" / "a.txt").write_text("inside")
    assert load_documents(str(tmp_path), ALL) == ["inside"]


def test_a_hub_that_cannot_be_reached_is_told_in_a_sentence(monkeypatch):
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    with pytest.raises(BadInput, match="'nobody/nothing' cannot be reached on the hub; check"):
        load_documents("hub:nobody/nothing", ALL)


@given(st.lists(st.text(min_size=1), min_size=2), st.integers(0, 5))
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


def test_a_short_note_does_not_stand_in_for_the_share():
    book = "".join(f"line {n}\n" for n in range(100))
    split = split_documents([book, "a note"], 0.1, 0)
    assert split.train[1] == "a note"
    assert 0.07 < len(split.validation[0]) / len(book) <= 0.11


def test_the_digest_names_the_text_and_its_boundaries():
    assert digest(["ab", "c"]) == digest(["ab", "c"])
    assert len({digest(d) for d in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"], ["a\0b"])}) == 5
