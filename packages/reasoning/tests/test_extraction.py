import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning.evaluation.awkward_answers import read_awkward_answers
from reasoning.evaluation.extraction import MAX_TEXT, free_answer, is_right
from reasoning.evaluation.math_values import read_value

ROWS = read_awkward_answers()
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_list_is_long_and_has_both_verdicts_in_every_group():
    assert len(ROWS) >= 300 and len({(row.gold, row.text) for row in ROWS}) == len(ROWS)
    assert all(read_value(row.gold) for row in ROWS)
    groups = {row.group for row in ROWS}
    assert {row.group for row in ROWS if row.right} == groups - {"what is refused"}
    assert {row.group for row in ROWS if not row.right} == groups


@pytest.mark.parametrize("group", sorted({row.group for row in ROWS}))
def test_every_awkward_answer_is_decided_by_the_rules(group):
    wrong = [
        row
        for row in ROWS
        if row.group == group and is_right(read_value(row.gold), row.text) != row.right
    ]
    assert wrong == []


def test_the_readme_counts_the_differences_from_math_verify_and_its_examples_are_in_the_list():
    table = re.findall(r"^\| (\d+) \| (.*) \| [^`]*`(.*)`, (\w+) \|$", README, re.MULTILINE)
    assert {reason: int(n) for n, reason, *_ in table} == Counter(
        row.differs for row in ROWS if row.differs
    )
    for _, reason, text, verdict in table:
        rows = [row for row in ROWS if row.text == text and row.differs == reason]
        assert any(row.right is (verdict == "right") for row in rows), text
    assert f"{len(ROWS)} awkward answers" in README


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\boxed{1} or \boxed{\frac{1}{2}}, 7 in all", "1/2"),
        ("#### 72\n3 more", "72"),
        (r"#### 72 \boxed{5}", "5"),
        ("The answer is 12 x 3 = $36, for 2 people.", "36"),
        ("4 and 5", "4, 5"),  # the whole text spells a set
        ("first 4 and then 5", "5"),
    ],
)
def test_the_last_answer_counts_by_its_rank(text, value):
    assert free_answer(text).equals(read_value(value))


@pytest.mark.parametrize("text", ["", r"\boxed{3} \boxed{x}", "7. The answer is unknown", "x2"])
def test_an_explicit_answer_that_cannot_be_read_is_not_replaced(text):
    assert free_answer(text) is None


def test_long_texts_take_little_time():
    begins = ["1" * MAX_TEXT, "1 " * (MAX_TEXT // 2), "1," * (MAX_TEXT // 2), " " * MAX_TEXT]
    begins += [r"\frac{" * (MAX_TEXT // 6), r"\boxed{" * (MAX_TEXT // 7), "####" * (MAX_TEXT // 4)]
    begins += ["answer" + " " * (MAX_TEXT - 6), "**" * (MAX_TEXT // 2), "1/" * (MAX_TEXT // 2)]
    begins += ["answer: " * (MAX_TEXT // 8), r"\text{" * (MAX_TEXT // 6), "-1" * (MAX_TEXT // 2)]
    for text in begins:
        began = time.process_time()
        free_answer(text)
        assert time.process_time() - began < 5, text[:10]
    assert free_answer("1" + " " * MAX_TEXT) is None


PIECES = [
    *(r"\frac", r"\sqrt", r"\boxed", r"\pm", r"\text", "{", "}", "(", ")", "[", "]", r"\{", r"\}"),
    *("^", ",", ".", "=", "%", "$", "1", "23", "0", " ", "-", "+", "/", "*", "e", "x", "cm", "\n"),
    *("####", "answer is", "answer:", "million", "and", "\u00bd", "\u2212", "**"),
]
awkward_texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=80)


@settings(deadline=None)
@given(awkward_texts)
def test_any_text_has_an_answer_or_none(text):
    value = free_answer(text)
    assert value is None or value.equals(value)
