import pytest

from reasoning.evaluation.answers import (
    count_attempts,
    final_answer,
    solves_chain,
    solves_puzzle,
    votable_answer,
)
from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import Puzzle

PUZZLE = Puzzle((2, 5, 1), 11)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("5 * 2 = 10 ; 10 + 1 = 11 ; hit answer 5 * 2 + 1", "5 * 2 + 1"),
        ("answer 7 hit answer 5 * 2 + 1", "5 * 2 + 1"),
        ("answer", ""),
        ("5 * 2 + 1", "5 * 2 + 1"),
        ("", ""),
        ("answers 3", "answers 3"),
    ],
)
def test_the_last_answer_counts(text, answer):
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("miss answer 5 * 2 + 1", True),  # the word `miss` decides nothing
        ("hit answer 5 * 2 - 1", False),  # nor does `hit`
        ("answer 5 * 2 + 1 answer", False),
        ("answer 5 * 2 + 1 ; 11", False),
        ("answer 11", False),
        ("hit", False),
        ("5 * 2 = 10 ; 10 + 1 = 11 ; hit", False),
    ],
)
def test_a_puzzle_is_solved_by_the_answer_alone(text, is_right):
    assert solves_puzzle(PUZZLE, text) is is_right


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("7 + 12 = 19 ; answer 19", True),
        ("19", True),
        ("answer 1 9", False),
        ("answer 019", False),
        ("answer 7 + 12 = 19", False),  # the number must be all of the answer
    ],
)
def test_a_chain_is_solved_by_one_number(text, is_right):
    assert solves_chain(Chain(7, (("+", 12),)), text) is is_right


def test_more_than_four_attempts_count_as_wrong():
    four = "2 + 1 = 3 ; miss wait " * 3 + "5 * 2 = 10 ; hit answer 5 * 2 + 1"
    assert solves_puzzle(PUZZLE, four) and not solves_puzzle(
        PUZZLE, f"2 + 1 = 3 ; miss wait {four}"
    )
    assert not solves_puzzle(PUZZLE, four, max_attempts=3)


def test_attempts_are_counted_by_their_verdicts():
    assert count_attempts("2 + 1 = 3 ; miss wait 2 * 1 = 2 ; hit answer 2 * 1") == 2


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("miss answer 5 * 2 + 1", "5 * 2 + 1"),
        ("hit answer 11", "11"),  # wrong, but an answer
        ("hit answer 5 * 2 +", None),
        ("2 + 1 = 3 ; miss wait 2", None),
        ("", None),
        ("miss miss miss hit answer 5 * 2 + 1", "5 * 2 + 1"),
        ("miss miss miss miss hit answer 5 * 2 + 1", None),
    ],
)
def test_only_an_expression_in_time_has_a_vote(text, answer):
    assert votable_answer(text) == answer
