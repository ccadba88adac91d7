import pytest

from gpt.policy.policy import Policy, share_layers_as
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Puzzle
from reasoning.verifier.attempts import Attempt
from reasoning.verifier.best_of_n import (
    Candidate,
    choice_rates,
    choose_best,
    choose_by_vote,
    read_candidate,
    right_choices,
    trace_logprobs,
)

PUZZLE = Puzzle((4, 7, 9, 11), 24)
WON = "7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ;"
ATTEMPT = Attempt(PUZZLE, WON)
#             answer  a       a       b      none    c
ANSWERS = [("a", False), ("a", False), ("b", True), (None, False), ("c", False)]
CANDIDATES = [Candidate(ATTEMPT, answer, is_right, ATTEMPT) for answer, is_right in ANSWERS]


def test_choices_by_hand():
    scores, weights = [0.1, 0.4, 0.5, 0.9, 0.2], [0.1, 0.1, 0.5, 0.9, 0.2]
    found = right_choices(CANDIDATES, {"scored": scores}, {"weighted": weights})
    assert found == {"one sample": 0.2, "vote": 0, "scored": 1, "weighted": 1, "oracle": 1}
    found = right_choices(CANDIDATES, {"scored": [0.6, *scores[1:]]}, {"weighted": [1.0] * 5})
    assert (found["scored"], found["weighted"]) == (0, 0)


def test_a_sample_without_an_answer_is_never_chosen():
    assert choose_best(CANDIDATES, [0.1, 0.1, 0.2, 1.0, 0.1]) == CANDIDATES[2]
    nothing = [CANDIDATES[3]] * 3
    assert choose_best(nothing, [1.0, 1.0, 1.0]) is None and choose_by_vote(nothing) is None
    assert right_choices(nothing, {"scored": [1.0, 1.0, 1.0]}, {})["oracle"] == 0


def test_the_first_of_equals_is_chosen():
    assert choose_best(CANDIDATES, [0.5] * 5) is CANDIDATES[0]


@pytest.mark.parametrize(
    ("trace", "answer", "is_right"),
    [
        (f"{WON} hit answer 11 * ( 7 - 4 ) - 9", "(11 * (7 - 4)) - 9", True),
        (f"{WON} hit answer 11 * ( 7 - 4 ) + 9", "(11 * (7 - 4)) + 9", False),
        (f"{WON} hit answer 11 * ( 7 -", None, False),
        (f"{WON} hit", None, False),
        ("miss wait " * 4 + f"{WON} hit answer 11 * ( 7 - 4 ) - 9", None, False),  # five attempts
    ],
)
def test_what_a_trace_answers(trace, answer, is_right):
    found = read_candidate(PUZZLE, trace)
    assert (found.answer, found.is_right) == (answer, is_right)
    assert found.attempt == ATTEMPT
    moves = {True: WON, False: "7 - 4 = 3 ; 11 * 3 = 33 ; 33 + 9 = 42 ;"}[is_right]
    assert found.answer_attempt.text == (moves if answer else "")


@pytest.mark.parametrize("answer", ["9 / 7", "- 4", "4 - 7", "11 * 99", "4 x 7 + 0.5"])
def test_an_answer_that_no_trace_could_write_has_no_moves(answer):
    assert read_candidate(PUZZLE, f"answer {answer}").answer_attempt.text == ""


def test_the_likelier_trace_has_the_higher_log_probability():
    policy = share_layers_as(Policy, load_start_model().model)
    right, wrong = (f"{WON} {verdict} answer 11 * ( 7 - 4 ) - 9" for verdict in ("hit", "miss"))
    pairs = [(PUZZLE, right), (PUZZLE, wrong)]
    first, second = trace_logprobs(policy, pairs)
    assert second < first < 0
    assert trace_logprobs(policy, pairs[1:]) == pytest.approx([second], abs=1e-4)


def test_rates_are_paired_with_the_vote():
    rows = [{"vote": 1.0, "a": 1.0}, {"vote": 0.0, "a": 1.0}] * 50
    rates = choice_rates(rows)
    assert rates["vote"].rate.estimate == 0.5 and rates["vote"].over_vote == (0, 0, 0)
    assert rates["a"].rate == (1, 1, 1) and rates["a"].over_vote.estimate == 0.5
    assert 0.35 < rates["a"].over_vote.low < 0.5 < rates["a"].over_vote.high < 0.65
