import json
import sys

import pytest

from finetune.conversations.messages import (
    Conversation,
    PreferencePair,
    single_turn_conversation,
    single_turn_prompt,
)
from finetune.datasets.columns import METADATA, UNUSABLE_COLUMNS
from finetune.datasets.layouts import parse_conversation
from finetune.datasets.pair_layouts import parse_preference
from finetune.datasets.selection import Selection, UnusableRow
from gpt.errors import BadInput


def load_conversations(source, limit=None, **options):
    return Selection(**options).load(source, parse_conversation, limit)


def load_preferences(source, **options):
    return Selection(**options).load(source, parse_preference)


USER, BOT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
QA = single_turn_conversation("q", "a")

CONVERSATIONS = {
    "alpaca": ({"instruction": "q", "output": "a"}, QA),
    "alpaca with an empty input": ({"instruction": "q", "input": " ", "output": "a"}, QA),
    "alpaca with no input": ({"instruction": "q", "input": None, "output": "a"}, QA),
    "alpaca with input": (
        {"instruction": "q", "input": "i", "output": "a"},
        single_turn_conversation("q\n\ni", "a"),
    ),
    "messages": ({"messages": [USER, BOT], "source": 3}, QA),
    "messages with weights": ({"messages": [{**USER, "weight": 0}, {**BOT, "weight": 1}]}, QA),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        QA,
    ),
    "sharegpt with a system": (
        {
            "conversations": [
                {"from": f, "value": v} for f, v in (("system", "s"), ("human", "q"), ("gpt", "a"))
            ]
        },
        Conversation([{"role": "system", "content": "s"}, USER, BOT]),
    ),
    "prompt and completion": ({"prompt": "q", "completion": "a"}, QA),
    "white space": (
        {"prompt": " q", "completion": "\n  a\n"},
        single_turn_conversation(" q", "\n  a\n"),
    ),
    "white space in turns": (
        {"messages": [{"role": "user", "content": " q "}, {"role": "assistant", "content": "  a"}]},
        single_turn_conversation(" q ", "  a"),
    ),
    "transcript and completion": (
        {
            "prompt": "\n\nHuman: q\n\nAssistant: a\n\nHuman: Why?\n\nAssistant:",
            "completion": " b\n",
        },
        Conversation([*QA.messages, *single_turn_conversation("Why?", "b").messages]),
    ),
    "transcript and turns": (
        {"prompt": "Human: q\n\nAssistant:", "completion": [BOT]},
        QA,
    ),
    "transcript that ends with a question": (
        {"prompt": "Human: p\n\nAssistant: b\n\nHuman: q", "completion": "  a"},
        Conversation(
            [
                *single_turn_conversation("p", "b").messages,
                *single_turn_conversation("q", "  a").messages,
            ]
        ),
    ),
    "a question about humans": (
        {"prompt": "Human: rights are what?", "completion": "a"},
        single_turn_conversation("Human: rights are what?", "a"),
    ),
    "an answer that quotes a transcript": (
        {"prompt": "\n\nHuman: q\n\nAssistant:", "completion": " Hm.\n\nHuman: x\n\nAssistant: y"},
        single_turn_conversation("q", "Hm.\n\nHuman: x\n\nAssistant: y"),
    ),
    "dolly": (
        {"instruction": "q", "context": "c", "response": "a", "category": "closed_qa"},
        single_turn_conversation("q\n\nc", "a"),
    ),
    "openorca": (
        {"id": "cot.1", "system_prompt": "s", "question": "q", "response": "a"},
        Conversation([{"role": "system", "content": "s"}, *QA.messages]),
    ),
    "sharegpt with a column system": (
        {
            "system": "s",
            "tools": "[]",
            "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
        },
        Conversation([{"role": "system", "content": "s"}, *QA.messages]),
    ),
    "a system column that repeats the system message": (
        {"system": "s", "messages": [{"role": "system", "content": "s\n"}, USER, BOT]},
        Conversation([{"role": "system", "content": "s\n"}, *QA.messages]),
    ),
    "slimorca": (
        {
            "conversations": [
                {"from": "system", "value": "s", "weight": None},
                {"from": "human", "value": "q", "weight": 0.0},
                {"from": "gpt", "value": "a", "weight": 1.0},
            ]
        },
        Conversation([{"role": "system", "content": "s"}, *QA.messages]),
    ),
    "ultrachat": ({"prompt": "q", "prompt_id": "f0e3", "messages": [USER, BOT]}, QA),
    "no robots, whose prompt is the system message": (
        {
            "prompt": "s",
            "prompt_id": "f0",
            "messages": [{"role": "system", "content": "s"}, USER, BOT],
            "category": "Chat",
        },
        Conversation([{"role": "system", "content": "s"}, *QA.messages]),
    ),
    "ultrafeedback for sft": (
        {
            "prompt": "q",
            "messages": [USER, BOT],
            "chosen": [USER, BOT],
            "rejected": [USER, {"role": "assistant", "content": "bad"}],
            "score_chosen": 8.0,
            "score_rejected": 5.0,
        },
        QA,
    ),
    "tulu": ({"id": "flan_1", "source": "flan", "messages": [USER, BOT]}, QA),
    "lima": (
        {"conversations": ["q", "a", "r", "b"], "source": "stackexchange"},
        Conversation([*QA.messages, *single_turn_conversation("r", "b").messages]),
    ),
    "capybara": (
        {
            "source": "Dove",
            "conversation": [{"input": "q", "output": "a"}, {"input": "r", "output": "b"}],
        },
        Conversation([*QA.messages, *single_turn_conversation("r", "b").messages]),
    ),
    "lmsys": (
        {"conversation_id": "3", "model": "vicuna", "conversation": [USER, BOT], "turn": 1},
        QA,
    ),
    "alpaca with its text": (
        {
            "instruction": "q",
            "input": "",
            "output": "a",
            "text": "### Instruction:\nq\n\n### Response:\na",
        },
        QA,
    ),
    "alpaca with a history": (
        {"instruction": "r", "output": "b", "system": "", "history": [["q", "a"]]},
        Conversation([*QA.messages, *single_turn_conversation("r", "b").messages]),
    ),
    "alpaca with a history of nothing": (
        {"instruction": "q", "output": "a", "history": "[]"},
        QA,
    ),
    "unpaired preference for a good answer": (
        {"prompt": "q", "completion": "a", "label": True},
        QA,
    ),
    "prompt and response": ({"prompt": "q", "response": "a"}, QA),
    "empty keys from a table": (
        {
            "tools": None,
            "messages": [
                {**USER, "tool_calls": None, "name": "", "images": []},
                {**BOT, "tool_calls": [{"function": None}], "name": None, "images": None},
            ],
        },
        QA,
    ),
    "lists of both": ({"prompt": [USER], "completion": [BOT]}, QA),
}
PAIR = PreferencePair(single_turn_prompt("q"), "good", "bad")


def answer(text):
    return {"role": "assistant", "content": text}


PREFERENCES = {
    "texts": ({"prompt": "q", "chosen": "good", "rejected": "bad"}, PAIR),
    "lists with a prompt": (
        {"prompt": [USER], "chosen": [answer("good")], "rejected": [answer("bad")]},
        PAIR,
    ),
    "whole lists": ({"chosen": [USER, answer("good")], "rejected": [USER, answer("bad")]}, PAIR),
    "whole lists and a prompt": (
        {"prompt": "q", "chosen": [USER, answer("good")], "rejected": [USER, answer("bad")]},
        PAIR,
    ),
    "transcripts": (
        {
            "chosen": "\n\nHuman: q\n\nAssistant: a\n\nHuman: Why?\n\nAssistant: good\n",
            "rejected": "\n\nHuman: q\n\nAssistant: a\n\nHuman: Why?\n\nAssistant: bad",
        },
        PreferencePair([USER, BOT, *single_turn_prompt("Why?")], "good", "bad"),
    ),
    "texts with leading spaces": (
        {"prompt": "q", "chosen": "    return 1", "rejected": " bad "},
        PreferencePair(single_turn_prompt("q"), "    return 1", " bad "),
    ),
    "a transcript as prompt": (
        {
            "prompt": "\n\nHuman: q\n\nAssistant:",
            "response": " x",
            "chosen": " good",
            "rejected": " bad",
        },
        PAIR,
    ),
    "a transcript as prompt and in both sides": (
        {
            "prompt": "\n\nHuman: q\n\nAssistant:",
            "chosen": "\n\nHuman: q\n\nAssistant: good",
            "rejected": "\n\nHuman: q\n\nAssistant: bad",
        },
        PAIR,
    ),
    "a transcript as prompt and turns": (
        {
            "prompt": "Human: q\n\nAssistant:",
            "chosen": [answer("good")],
            "rejected": [answer("bad")],
        },
        PAIR,
    ),
    "orca_dpo_pairs": (
        {"system": "s", "question": "q", "chosen": "good", "rejected": "bad"},
        PreferencePair([{"role": "system", "content": "s"}, USER], "good", "bad"),
    ),
    "distilabel's orca_dpo_pairs": (
        {"system": "s", "input": "q", "chosen": "good", "rejected": "bad"},
        PreferencePair([{"role": "system", "content": "s"}, USER], "good", "bad"),
    ),
    "alpaca with two answers": (
        {"instruction": "q", "input": "i", "chosen": "good", "rejected": "bad"},
        PreferencePair(single_turn_prompt("q\n\ni"), "good", "bad"),
    ),
    "an instruction that looks like a transcript": (
        {"instruction": "Human: q", "input": "i", "chosen": "good", "rejected": "bad"},
        PreferencePair(single_turn_prompt("Human: q\n\ni"), "good", "bad"),
    ),
    "ultrafeedback, binarized": (
        {
            "prompt": "q",
            "prompt_id": "f0",
            "chosen": [USER, answer("good")],
            "rejected": [USER, answer("bad")],
            "messages": [USER, answer("good")],
            "score_chosen": 8.0,
            "score_rejected": 5.0,
        },
        PAIR,
    ),
    "whole lists and a system column": (
        {
            "system": "s",
            "chosen": [USER, answer("good")],
            "rejected": [USER, answer("bad")],
        },
        PreferencePair([{"role": "system", "content": "s"}, USER], "good", "bad"),
    ),
    "scores of two names": (
        {
            "prompt": "q",
            "completions": [
                {"response": "good", "score": 9, "overall_score": None},
                {"response": "bad", "score": 2, "overall_score": 10},
            ],
        },
        PAIR,
    ),
    "scores": (
        {
            "source": "evol_instruct",
            "correct_answers": ["None"],
            "instruction": "q",
            "models": ["x", "y", "z"],
            "completions": [
                {"response": "fair", "overall_score": 6},
                {"response": "bad", "overall_score": 1.5, "principle": "honesty", "model": "y"},
                {"response": "good", "overall_score": 9.0},
            ],
        },
        PAIR,
    ),
}


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("row", "expected"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_conversations_in_every_layout(tmp_path, row, expected):
    other = single_turn_conversation("other", "answer")
    rows = [row, {"messages": other.messages}]  # a file may mix them
    assert load_conversations(write(tmp_path / "rows.jsonl", rows)) == [expected, other]


@pytest.mark.parametrize(("row", "expected"), PREFERENCES.values(), ids=PREFERENCES)
def test_preferences_in_every_layout(tmp_path, row, expected):
    assert load_preferences(write(tmp_path / "rows.jsonl", [row] * 2)) == [expected] * 2


def test_a_json_file_holds_a_list(tmp_path):
    path = tmp_path / "rows.JSON"
    path.write_text(json.dumps([CONVERSATIONS["alpaca"][0]] * 2), encoding="utf-8-sig")
    assert load_conversations(str(path)) == [QA] * 2


def test_lines_end_at_newlines_only_and_empty_lines_are_skipped(tmp_path):
    row = json.dumps({"prompt": "a\u2028b\x85c", "completion": "\u00e9"}, ensure_ascii=False)
    (tmp_path / "rows.jsonl").write_text(f"\n{row}\n\n{row}\n", encoding="utf-8")
    assert (
        load_conversations(str(tmp_path / "rows.jsonl"))
        == [single_turn_conversation("a\u2028b\x85c", "\u00e9")] * 2
    )


def test_a_parquet_file_gives_the_same_conversations(tmp_path):
    datasets = pytest.importorskip("datasets", reason="baselines: needs the library datasets")
    datasets.disable_progress_bars()
    path = tmp_path / "rows.parquet"
    datasets.Dataset.from_list([{"messages": [USER, BOT]}] * 3).to_parquet(path)
    assert load_conversations(str(path), limit=2) == [QA] * 2


def test_a_hub_data_set_is_streamed(tmp_path):
    """The library accepts a folder as an id, so the real code runs without a network."""
    pytest.importorskip("datasets", reason="baselines: needs the library datasets")
    write(tmp_path / "data.jsonl", [PREFERENCES["transcripts"][0]] * 2)
    assert load_preferences(f"hub:{tmp_path}") == [PREFERENCES["transcripts"][1]] * 2
    with pytest.raises(BadInput, match="BuilderConfig 'klingon' not found"):
        load_preferences(f"hub:{tmp_path}:klingon")
    with pytest.raises(BadInput, match="row 1 of data set '.*': the columns are chosen, rejected;"):
        load_conversations(f"hub:{tmp_path}")


def test_an_unreachable_hub_is_reported_in_one_sentence():
    pytest.importorskip("datasets", reason="baselines: needs the library datasets")
    with pytest.raises(BadInput, match="'nobody/nothing' cannot be reached on the hub; check"):
        load_conversations("hub:nobody/nothing")
    with pytest.raises(BadInput, match="'hub:' names no data set; write hub:OWNER/NAME"):
        load_conversations("hub:")


def test_no_more_rows_are_read_than_the_limit(tmp_path):
    path = write(tmp_path / "rows.jsonl", [{"prompt": "q", "completion": "a"}] * 3 + ["broken"])
    assert load_conversations(path, limit=3) == [QA] * 3
    with pytest.raises(BadInput, match="at least 1 row, got 0"):
        load_conversations(path, limit=0)


def test_unusable_rows_end_the_reading_or_are_recorded(tmp_path):
    good, empty = {"prompt": "q", "completion": "a"}, {"prompt": "q", "completion": ""}
    path = write(tmp_path / "rows.jsonl", [good, empty, good])
    selection = Selection(skip_unusable=True)
    assert selection.load(path, parse_conversation) == [QA] * 2
    (reason,) = selection.unusable
    assert (
        reason.partition("; ")[0]
        == f"line 2 of {path!r}: message 2, by the assistant, has the content ''"
    )
    with pytest.raises(UnusableRow, match="line 2 of .*, has the content ''; it must be"):
        load_conversations(path)
    path = write(tmp_path / "rows.jsonl", [empty])
    with pytest.raises(BadInput, match="none of 1 rows can be used: line 1 of"):
        load_conversations(path, skip_unusable=True)


def test_a_line_that_is_not_json_is_an_unusable_row(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "q", "completion": "a"}\n{"prompt": "q\n[1]\n')
    selection = Selection(skip_unusable=True)
    assert selection.load(str(tmp_path / "rows.jsonl"), parse_conversation) == [QA]
    assert [reason.partition("'")[0] for reason in selection.unusable] == [
        "line 2 of ",
        "line 3 of ",
    ]


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_json_file_may_hold_a_single_row(tmp_path, end):
    (tmp_path / "rows.json").write_text(json.dumps({"prompt": "q", "completion": "a"}) + end)
    assert load_conversations(str(tmp_path / "rows.json")) == [QA]


def test_a_json_file_may_have_one_object_per_line(tmp_path):
    """Many published sets are like that, and `datasets` reads them."""
    rows = [{"prompt": "q", "completion": "a"}] * 2
    assert load_conversations(write(tmp_path / "rows.json", rows)) == [QA] * 2
    path = write(tmp_path / "rows.json", [*rows, {"prompt": 3}])
    with pytest.raises(BadInput, match="line 3 of"):
        load_conversations(path)


@pytest.mark.parametrize("name", ["data[1]", "a*", "what?", "a part", "a,b", "hub:x", "~", ".data"])
@pytest.mark.parametrize("suffix", [".parquet", ".PARQUET", ".jsonl", ".JSONL", ".json"])
def test_a_file_name_is_never_read_as_a_pattern(tmp_path, name, suffix):
    if "parquet" in suffix.lower():
        datasets = pytest.importorskip("datasets", reason="baselines: needs datasets")
        datasets.disable_progress_bars()
    for stem in ("data1", "ab", "whatx", "data[1]"):  # files that match the name as a pattern
        save_rows(tmp_path / f"{stem}{suffix}", [{"prompt": "wrong", "completion": "wrong"}])
    if not (sys.platform == "win32" and set(name) & set("*?:")):
        save_rows(tmp_path / f"{name}{suffix}", [{"prompt": "q", "completion": "a"}])
        assert load_conversations(str(tmp_path / f"{name}{suffix}")) == [QA]


def save_rows(path, rows):
    if path.suffix.lower() == ".parquet":
        import datasets

        datasets.Dataset.from_list(rows).to_parquet(path)
    else:
        path.write_text(json.dumps(rows) if path.suffix == ".json" else json.dumps(rows[0]))


def test_a_tilde_stands_for_the_home_folder(tmp_path, monkeypatch):
    """A shell does not expand it in `--data=~/rows.jsonl`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write(tmp_path / "rows.jsonl", [{"prompt": "q", "completion": "a"}])
    assert load_conversations("~/rows.jsonl") == [QA]
    with pytest.raises(BadInput, match="no file '~no-such-user/rows.jsonl'"):
        load_conversations("~no-such-user/rows.jsonl")


def test_columns_and_keys_are_ignored_on_request(tmp_path):
    row = {"messages": [USER, {**BOT, "weight": 0, "name": "Bo"}], "label": False, "system": "s"}
    path = write(tmp_path / "rows.jsonl", [row, {"messages": [USER, BOT]}])
    names = ("weight", "name", "label", "system")
    assert load_conversations(path, ignored=names) == [QA] * 2
    with pytest.raises(BadInput, match="has weight 0; answers are"):
        load_conversations(path, ignored=("label",))
    with pytest.raises(BadInput, match=r"no row has a column or key 'sytem' to ignore; there are"):
        load_conversations(path, ignored=(*names, "sytem"))


@pytest.mark.parametrize("column", sorted(set().union(*METADATA.values())))
def test_metadata_does_not_change_what_is_learned(tmp_path, column):
    row = {"prompt": "q", "completion": "a", "chosen": "good", "rejected": "bad", column: "x"}
    path = write(tmp_path / "rows.jsonl", [row])
    assert load_conversations(path) == [QA]
    assert load_preferences(path) == [PAIR]


@pytest.mark.parametrize("name", UNUSABLE_COLUMNS)
def test_columns_that_would_change_what_is_learned_are_refused_by_name(tmp_path, name):
    for row in (
        {"messages": [USER, BOT], name: "x"},
        {"messages": [USER, {**BOT, name: "x"}]},
    ):
        path = write(tmp_path / "rows.jsonl", [row])
        with pytest.raises(BadInput, match=f"'{name}' .*--ignore-columns {name}"):
            load_conversations(path)
        assert load_conversations(path, ignored=(name,)) == [QA]


FILES = {
    "no file": ("rows.json", None, "there is no file"),
    "another kind": ("rows.csv", b"a,b", r"is not a .json, .jsonl or .parquet file"),
    "empty": ("rows.jsonl", b"", "holds no rows"),
    "an empty list": ("rows.json", b"[]", "holds no rows"),
    "white space": ("rows.json", b" ", "rows.json': invalid JSON: Expecting value"),
    "half a row": ("rows.jsonl", b'{"prompt": "q"', "line 1 of .*: invalid JSON: Expecting"),
    "a list in jsonl": ("rows.jsonl", b"[1]", r"line 1 of .*: the row is not a JSON object: \[1\]"),
    "one object": ("rows.json", b'{"a": 1}', "row 1 of .*: the columns are a; needed are"),
    "a number": ("rows.json", b"1", "must hold a list of objects, found 1"),
    "a list of texts": ("rows.json", b'["a"]', "row 1 of .*: the row is not a JSON object: 'a'"),
    "binary": ("rows.jsonl", b"\x89PNG\r\n\xff\x00", r"not a text file in UTF-8 \(byte 0 cannot"),
    "packed": ("rows.jsonl.gz", b"\x1f\x8b", "is not a .json, .jsonl or .parquet file; unpack or"),
    "a key twice": (
        "rows.json",
        b'[{"prompt": "q", "completion": "a", "completion": "b"}]',
        "rows.json': the key 'completion' occurs twice in one object",
    ),
    "a key twice in a line": (
        "rows.jsonl",
        b'{"prompt": "q", "completion": "a", "completion": "b"}',
        "line 1 of .*: the key 'completion' occurs twice in one object",
    ),
    "deep": ("rows.json", b"[" * 100_000, "invalid JSON: maximum recursion depth"),
    "no parquet": ("rows.parquet", b"PAR1 and nothing", "rows.parquet' cannot be read: "),
}


@pytest.mark.parametrize(("name", "content", "message"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("load", [load_conversations, load_preferences])
def test_a_file_that_cannot_be_read_is_reported_in_one_sentence(
    tmp_path, load, name, content, message
):
    if name.endswith("parquet"):
        pytest.importorskip("datasets", reason="baselines: needs the library datasets")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message) as error:
        load(str(tmp_path / name))
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "rows.json").mkdir()
    with pytest.raises(BadInput, match="rows.json' is a folder; give one of the files in it"):
        load_conversations(str(tmp_path / "rows.json"))


NO_CONVERSATION = {
    "other columns": (
        {"question": "q", "answer": "a"},
        r"the columns are question, answer; needed are messages or conversations or conversation "
        r"or instruction\+output or instruction\+response or prompt\+completion or "
        r"prompt\+response or question\+response",
    ),
    "no column": ({}, "the columns are none"),
    "half the columns": ({"instruction": "q"}, "the columns are instruction; needed are"),
    "an empty column": ({"messages": None}, "the columns are messages; needed are"),
    "a number": ({"prompt": 3, "completion": "a"}, "column 'prompt' must hold a text, found 3"),
    "an input of a number": (
        {"instruction": "q", "input": 3, "output": "a"},
        "column 'input' must hold a text, found 3",
    ),
    "a text of turns": (
        {"messages": "q"},
        "column 'messages' must hold a list of turns, found 'q'",
    ),
    "no turns": ({"messages": []}, r"column 'messages' must hold a list of turns, found \[\]"),
    "a turn of text": (
        {"messages": ["q"]},
        "a turn needs texts as role.content or from.value, fou",
    ),
    "a turn without content": ({"messages": [{"role": "user"}]}, "a turn needs texts"),
    "content in parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}]},
        "a turn needs texts",
    ),
    "no answer": ({"messages": [USER]}, "the last of 1 messages must be by the assistant"),
    "answer first": ({"messages": [BOT, USER]}, "message 1 is by the assistant at the beginning"),
    "two answers": ({"messages": [USER, BOT, BOT]}, "message 3 is by the assistant after one by"),
    "a stranger": (
        {"conversations": [{"from": "bing", "value": "q"}]},
        "message 1 is by 'bing'; roles are system, user, assistant",
    ),
    "an empty answer": ({"prompt": "q", "completion": ""}, "message 2, by the assistant, has"),
    "an empty question": ({"instruction": "", "output": "a"}, "message 1, by the user, has the"),
    "an unknown column": (
        {"prompt": "q", "completion": "a", "persona": "a pirate", "tools": "[x]"},
        r"column 'persona' is not known, so its content would be lost; column 'tools' describes .* "
        r"\(--ignore-columns persona,tools ignores",
    ),
    "a system text twice": (
        {"system": "s", "messages": [{"role": "system", "content": "t"}, USER, BOT]},
        "column 'system' says 's', but the first turn says 't'",
    ),
    "two system columns": (
        {"system": "s", "system_prompt": "t", "messages": [USER, BOT]},
        "column 'system' says 's', but column 'system_prompt' says 't'",
    ),
    "a system column without a text": (
        {"system": 3, "messages": [USER, BOT]},
        "column 'system' must hold a text, found 3",
    ),
    "a prompt next to other messages": (
        {"prompt": "p", "messages": [USER, BOT]},
        "column 'prompt' is not known",
    ),
    "another text than the columns": (
        {"prompt": "q", "completion": "a", "text": "q: b"},
        "column 'text' does not contain the texts of the other columns",
    ),
    "unpaired preference": (
        {"prompt": "q", "completion": "a", "label": False},
        "column 'label' is not True, so the answer may be a bad one",
    ),
    "tools": (
        {"messages": [USER, BOT], "tools": '[{"name": "f"}]'},
        "column 'tools' describes tools, and models here do not learn to call tools",
    ),
    "template options": (
        {"messages": [USER, BOT], "chat_template_kwargs": {"enable_thinking": False}},
        "column 'chat_template_kwargs' holds options of a chat template",
    ),
    "pictures": (
        {"messages": [USER, BOT], "images": ["a.png"]},
        "column 'images' holds pictures or sound, and models here read text only",
    ),
    "a call of a tool": (
        {"messages": [USER, {**BOT, "tool_calls": [{"function": {"name": "f"}}]}]},
        "a turn's 'tool_calls' describes tools",
    ),
    "thoughts": (
        {"messages": [USER, {**BOT, "reasoning_content": "Hm."}]},
        "a turn's 'reasoning_content' holds the model's reasoning; move it into the content",
    ),
    "a name": ({"messages": [{**USER, "name": "Bo"}, BOT]}, "a turn's 'name' names the speaker"),
    "a key that is not known": (
        {"messages": [USER, {**BOT, "mood": "sad"}]},
        r"a turn's 'mood' is not known.*--ignore-columns mood",
    ),
    "an answer that is not trained on": (
        {"messages": [USER, {**BOT, "weight": 0}]},
        r"a turn by the assistant has weight 0; answers are trained on and other turns are not",
    ),
    "half a weight": ({"messages": [USER, {**BOT, "weight": 0.5}]}, "has weight 0.5;"),
    "a question that is trained on": (
        {"messages": [{**USER, "train": True}, BOT]},
        "a turn by the user has train True;",
    ),
    "two spellings of a turn that differ": (
        {"messages": [USER, {**BOT, "value": "b"}]},
        "a turn's 'value' is not known",
    ),
    "a history of one": (
        {"instruction": "q", "output": "a", "history": [["q"]]},
        "column 'history' must hold pairs of texts",
    ),
    "half a pair": ({"prompt": "\ud83d", "completion": "a"}, "half of a surrogate pair"),
}
WHOLE = "\n\nHuman: q\n\nAssistant: a"
NO_PREFERENCE = {
    "other columns": (
        {"prompt": "q", "completion": "a"},
        r"the columns are prompt, completion; needed are prompt\+chosen\+rejected or ",
    ),
    "no question": (
        {"chosen": "good", "rejected": "bad"},
        "without a column prompt a text must beg",
    ),
    "a list and no question": (
        {"chosen": [answer("good")], "rejected": [answer("bad")]},
        "there is no question: add a column prompt, or begin both conversations with it",
    ),
    "another prompt": (
        {"prompt": "x", "chosen": [USER, answer("good")], "rejected": [USER, answer("bad")]},
        "the conversation in column 'chosen' does not continue column 'prompt'",
    ),
    "one answer": (
        {"prompt": "q", "chosen": "a", "rejected": "a"},
        "chosen and the rejected answer are equal: 'a'",
    ),
    "a number": (
        {"prompt": "q", "chosen": 1, "rejected": "bad"},
        "'chosen' must hold a text, found",
    ),
    "an empty answer": (
        {"prompt": "q", "chosen": "a", "rejected": " "},
        "by the assistant, has the",
    ),
    "questions that differ": (
        {"chosen": "\n\nHuman: x\n\nAssistant: b", "rejected": WHOLE},
        "chosen and rejected must not differ before the last answer",
    ),
    "transcripts without an answer": (
        {"chosen": WHOLE + "\n\nHuman: x", "rejected": WHOLE + "\n\nHuman: x"},
        "must end with an answer by the assistant",
    ),
    "lists without an answer": (
        {"chosen": [USER], "rejected": [USER]},
        "must end with an answer by the assistant",
    ),
    "one completion": ({"prompt": "q", "completions": [{"response": "a"}]}, "at least two answers"),
    "no scores": (
        {"prompt": "q", "completions": [{"response": "a"}, {"response": "b"}]},
        "every completion needs a number under the same key, overall_score or score; found",
    ),
    "scores without end": (
        {"prompt": "q", "completions": [{"response": "a", "score": 10**400}] * 2},
        "every completion needs a number",
    ),
    "scores on two scales": (
        {
            "prompt": "q",
            "completions": [{"response": "a", "overall_score": 7}, {"response": "b", "score": 9}],
        },
        "every completion needs a number under the same key",
    ),
    "scores of yes and no": (
        {
            "prompt": "q",
            "completions": [{"response": "a", "score": True}, {"response": "b", "score": False}],
        },
        "every completion needs a number",
    ),
    "a completion that is a text": (
        {"prompt": "q", "completions": ["a", "b"]},
        "every completion needs a number",
    ),
    "a margin": (
        {"prompt": "q", "chosen": "good", "rejected": "bad", "margin": 0.5},
        "column 'margin' asks for a margin between the answers, which no loss here supports",
    ),
    "an input that nothing asks for": (
        {"prompt": "q", "input": "i", "chosen": "good", "rejected": "bad"},
        "column 'input' is not known",
    ),
    "messages before the question": (
        {"prompt": "q", "messages": [answer("hi"), USER], "chosen": "good", "rejected": "bad"},
        "column 'messages' is not known",
    ),
    "two transcripts and another prompt": (
        {"prompt": "x", "chosen": WHOLE, "rejected": WHOLE + "b"},
        "the conversation in column 'chosen' does not continue column 'prompt'",
    ),
    "a completion with something more": (
        {"prompt": "q", "completions": [{"response": "a", "score": 1, "tools": "f"}] * 2},
        "a completion's 'tools' describes tools",
    ),
    "equal scores": (
        {
            "prompt": "q",
            "completions": [{"response": "a", "score": 1}, {"response": "b", "score": 1}],
        },
        "all 2 completions have the score 1.0",
    ),
}
UNUSABLE = [(load_conversations, *each) for each in NO_CONVERSATION.values()]
UNUSABLE += [(load_preferences, *each) for each in NO_PREFERENCE.values()]


@pytest.mark.parametrize(
    ("load", "row", "message"), UNUSABLE, ids=[*NO_CONVERSATION, *(f"2 {n}" for n in NO_PREFERENCE)]
)
def test_the_error_names_the_unusable_row_and_the_reason(tmp_path, load, row, message):
    good = {"prompt": "q", "completion": "a", "chosen": "good", "rejected": "bad"}
    path = write(tmp_path / "rows.jsonl", [good, row])
    with pytest.raises(BadInput, match=f"^line 2 of '.*rows.jsonl': .*{message}"):
        load(path)
