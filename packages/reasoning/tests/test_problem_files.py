import json
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpt.errors import BadInput
from reasoning.tasks.problem_files import read_problems

GSM8K = {
    "question": "A shop sells 48 clips in April and half as many in May. How many in all?",
    "answer": "In May it sells 48/2 = <<48/2=24>>24.\nIn all 48+24 = <<48+24=72>>72.\n#### 72",
}
MATH = {
    "problem": "What is half of $\\frac{1}{2}$?",
    "level": "Level 1",
    "type": "Prealgebra",
    "solution": "It is $\\frac12 \\cdot \\frac12 = \\boxed{\\frac{1}{4}}$.",
}


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_a_file_of_gsm8k_is_read_without_its_annotations(tmp_path):
    read = read_problems(write(tmp_path / "test.jsonl", GSM8K, GSM8K | {"answer": "#### 1,200"}))
    first, second = read.problems
    assert first.question == GSM8K["question"] and first.answer.number == 72
    assert first.solution == "In May it sells 48/2 = 24.\nIn all 48+24 = 72."
    assert second.answer.number == 1200 and not read.dropped


def test_a_file_or_a_folder_of_math_is_read(tmp_path):
    for name in ("algebra", "geometry"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "7.json").write_text(json.dumps(MATH, indent=1))
    one, other = read_problems(tmp_path).problems
    assert one == other and one.answer.number == Fraction(1, 4)
    assert (one.level, one.subject) == ("Level 1", "Prealgebra")
    assert read_problems(write(tmp_path / "all.jsonl", MATH)).problems == (one,)


def test_answers_that_cannot_be_checked_are_counted(tmp_path):
    formula = MATH | {"solution": "So \\boxed{x + 1}."}
    read = read_problems(
        write(tmp_path / "a.jsonl", MATH, formula, formula, MATH | {"solution": "7"})
    )
    assert len(read.problems) == 1
    assert sorted(read.dropped.values()) == [1, 2]
    assert [reason for reason, n in read.dropped.items() if n == 1] == [
        r"no \boxed{...} in the solution"
    ]
    with pytest.raises(BadInput, match="no problem whose answer can be checked"):
        read_problems(write(tmp_path / "b.jsonl", formula))


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (GSM8K | {"hint": "add"}, "line 2, has the unknown field 'hint'; a problem has question"),
        (MATH | {"answer": "1/4"}, "line 2, has the unknown field 'answer'"),
        ({"question": "?"}, "line 2, has no field 'answer'"),
        ({}, "line 2, has no field 'problem'"),
        (GSM8K | {"answer": 72}, "line 2, has 'answer' of type int, expected text"),
        (GSM8K | {"answer": "72"}, "line 2, has an answer without '#### '"),
        (GSM8K | {"question": " "}, "line 2, has an empty 'question'"),
        ([GSM8K], "line 2, holds a list"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, record, fault):
    with pytest.raises(BadInput, match=fault):
        read_problems(write(tmp_path / "test.jsonl", GSM8K, record))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"question": "a", ', "line 1, is damaged"),
        (b'{"question": "a", "question": "b"}', "'question' occurs twice"),
        (b"[" * 100_000, "line 1, is damaged"),
        (b"\xff\xfe", "not a text file in UTF-8"),
        (b"\n\n", "no problem"),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path, content, fault):
    (tmp_path / "test.jsonl").write_bytes(content)
    with pytest.raises(BadInput, match=fault) as error:
        read_problems(tmp_path / "test.jsonl")
    assert "\n" not in str(error.value)


def test_what_does_not_exist_is_refused(tmp_path):
    with pytest.raises(BadInput, match="there is no file"):
        read_problems(tmp_path / "none.jsonl")
    with pytest.raises(BadInput, match="no problem"):
        read_problems(tmp_path)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50
)
@given(
    st.dictionaries(st.sampled_from([*GSM8K, *MATH, "x"]), st.text(max_size=30) | st.integers()),
    st.integers(0, 40),
)
def test_any_line_is_read_or_refused(tmp_path, record, cut):
    (tmp_path / "a.jsonl").write_text(json.dumps(record)[: -cut or None], encoding="utf-8")
    try:
        assert read_problems(tmp_path / "a.jsonl").problems
    except BadInput as error:
        assert str(error)
