import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.evaluation.checks import (
    INSTRUCTIONS,
    Instruction,
    at_least_words,
    at_most_words,
    contains_word,
    ends_with,
    has_no_commas,
    has_sentences,
    instruction_accuracy,
    is_json,
    loose_versions,
    split_sentences,
)
from gpt.errors import BadInput


@pytest.mark.parametrize(
    ("check", "yes", "no"),
    [
        (at_most_words(3), "one two three", "one two three four"),
        (at_least_words(3), "one two three", "one two"),
        (contains_word("cat"), "A Cat.", "category"),
        (contains_word("cat"), "(cat)", "bobcat"),
        (contains_word("C++"), "Write C++!", "Write C."),
        (ends_with("bye."), "Good bye. \n", "bye. Now"),
        (has_sentences(2), "It is. Is it?", "It is, is it?"),
        (has_no_commas, "red and blue", "red, blue"),
        (str.islower, "good night 2", "Good night"),
        (str.islower, "a", "123"),  # no letters at all
        (is_json, '{"name": "Tom", "age": 3}', 'Here: {"name": "Tom"}'),
        (is_json, " [1, 2] ", "[1, 2"),
        (is_json, "3", "[" * 100_000),  # too deep for the parser
    ],
)
def test_each_check_by_hand(check, yes, no):
    assert check(yes)
    assert not check(no)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hi! How are you?", ["Hi!", "How are you?"]),
        ("It costs 3.14 euros", ["It costs 3.14 euros"]),
        ("Why?! No...", ["Why?!", "No..."]),
        ("a list\n- one\n- two", ["a list", "- one", "- two"]),
        ("One. ...", ["One."]),  # nothing to read in the second
        ("", []),
    ],
)
def test_sentences_by_hand(text, pieces):
    assert split_sentences(text) == pieces


def test_the_loose_versions_by_hand():
    assert loose_versions("Sure:\n*one*\nBye") == [
        "Sure:\n*one*\nBye",
        "Sure:\none\nBye",
        "Sure:\n*one*",
        "Sure:\none",
        "*one*\nBye",
        "one\nBye",
        "*one*",
        "one",
    ]
    assert loose_versions("one line") == ["one line"] * 2
    assert loose_versions(" \n") == []


def test_the_four_accuracies_by_hand():
    asked = [
        Instruction("p", (has_no_commas, at_most_words(2))),
        Instruction("q", (str.islower,)),
        Instruction("r", (is_json,)),
    ]
    # p passes one of two checks; q and r pass only loosely, without their first line
    answers = ["red, blue", "Sure, here:\ngood night", "Sure\n[1]\nHope it helps!"]
    found = instruction_accuracy(asked, answers)
    assert found == pytest.approx((0, 1 / 4, 2 / 3, 3 / 4))


def test_an_empty_answer_fails_every_check():
    assert instruction_accuracy([Instruction("p", (has_no_commas, at_most_words(5)))], [" \n"]) == (
        0,
        0,
        0,
        0,
    )


FOLLOWED = [
    "Python is a programming language.",
    "The sea is wide and deep and blue and moves all day and all night under the wind and moon.",
    "Take an Umbrella with you.",
    "Red and green and blue.",
    "Thank you for your help. See you soon!",
    "so that the body can rest.",
    "They flap their wings. The air holds them.",
    '{"name": "Tom", "age": 3}',
    "A tall oak with green leaves.",
    "A list keeps its items in order.",
    "lie down and sleep well.",
    '["apple", "pear"]',
]
BROKEN = [
    "word " * 16,
    "The sea is blue.",
    "A raincoat.",
    "Red, green, blue.",
    "Thank you!",
    "So that the body can rest.",
    "They flap their wings.",
    "The cat is called Tom and is 3.",
    "An oak.",
    "A list, in order, has items.",
    "Sleep well.",
    "apple, pear",
]


def test_every_prompt_has_answers_that_pass_and_that_fail():
    assert instruction_accuracy(INSTRUCTIONS, FOLLOWED) == (1, 1, 1, 1)
    assert instruction_accuracy(INSTRUCTIONS, BROKEN).prompts_strict == 0
    assert len({each.prompt for each in INSTRUCTIONS}) == len(INSTRUCTIONS) == 12


@given(st.lists(st.text("aA,*. \n", max_size=20), min_size=12, max_size=12))
def test_loose_is_never_below_strict_and_prompts_never_above_checks(answers):
    found = instruction_accuracy(INSTRUCTIONS, answers)
    assert found.prompts_strict <= found.prompts_loose
    assert found.checks_strict <= found.checks_loose
    assert found.checks_strict == 0 or found.prompts_loose <= 1
    single = [Instruction(each.prompt, each.checks[:1]) for each in INSTRUCTIONS]
    # with one check per prompt both ways of counting agree
    one_check = instruction_accuracy(single, answers)
    assert one_check.prompts_strict == one_check.checks_strict
    assert found.prompts_strict <= one_check.prompts_strict


def test_a_prompt_without_an_answer_is_refused():
    with pytest.raises(BadInput, match="equally many and at least one, got 12 and 1"):
        instruction_accuracy(INSTRUCTIONS, ["one"])
    with pytest.raises(BadInput, match="got 0 and 0"):
        instruction_accuracy([], [])
