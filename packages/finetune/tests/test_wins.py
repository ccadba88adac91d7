import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.evaluation.wins import (
    SWAPPED_VERDICTS,
    PairwiseComparison,
    compare_pairwise,
    sign_test,
    win_rate,
)
from gpt.errors import BadInput
from gpt.evaluation.intervals import paired_difference, wilson_interval

verdicts = st.sampled_from(["A", "B", "tie"])
fights = st.lists(st.builds(PairwiseComparison, verdicts, verdicts), min_size=1, max_size=20)


def longer(question, a, b):
    return "tie" if len(a) == len(b) else "A" if len(a) > len(b) else "B"


def test_the_judge_sees_both_orders_and_ours_is_always_a():
    asked = []

    def judge(question, a, b):
        asked.append((question, a, b))
        return longer(question, a, b)

    found = compare_pairwise(judge, ["q", "r"], ["long", "x"], ["x", "long"])
    assert asked == [("q", "long", "x"), ("q", "x", "long"), ("r", "x", "long"), ("r", "long", "x")]
    assert found == [PairwiseComparison("A", "A"), PairwiseComparison("B", "B")]


@pytest.mark.parametrize(
    ("read_first", "read_second", "verdict", "point"),
    [
        ("A", "A", "A", 1),
        ("B", "B", "B", 0),
        ("tie", "tie", "tie", 0.5),
        ("A", "B", "tie", 0.5),  # the first answer wins in both orders
        ("B", "A", "tie", 0.5),  # the second answer wins in both orders
        ("A", "tie", "tie", 0.5),
        ("tie", "B", "tie", 0.5),
    ],
)
def test_only_a_verdict_that_holds_in_both_orders_is_a_win(read_first, read_second, verdict, point):
    duel = PairwiseComparison(read_first, read_second)
    assert duel.verdict == verdict
    assert win_rate([duel], np.random.default_rng(0)).wilson.estimate == point


def test_a_win_rate_by_hand():
    # 2 wins, 1 loss, 3 ties, of which the first answer was favoured in one and the second in one
    comparisons = [PairwiseComparison("A", "A")] * 2 + [
        PairwiseComparison("B", "B"),
        PairwiseComparison("tie", "tie"),
    ]
    comparisons += [PairwiseComparison("A", "B"), PairwiseComparison("B", "tie")]
    found = win_rate(comparisons, np.random.default_rng(0))
    assert (found.wins, found.losses, found.ties) == (2, 1, 3)
    assert found.wilson == wilson_interval(3.5 / 6, 6)
    assert found.bootstrap.estimate == pytest.approx(3.5 / 6)
    assert (found.first_favoured, found.second_favoured) == pytest.approx((1 / 6, 1 / 6))


def test_a_judge_that_always_says_a_gives_one_half_and_shows_its_bias():
    comparisons = compare_pairwise(
        lambda question, a, b: "A", ["q"] * 10, ["good"] * 10, ["bad"] * 10
    )
    found = win_rate(comparisons, np.random.default_rng(0))
    assert found.wilson.estimate == 0.5
    assert (found.first_favoured, found.second_favoured) == (1, 0)


@settings(deadline=None)  # each draws 4,000 resamples
@given(fights)
def test_the_rates_of_both_sides_add_up_to_one(comparisons):
    mirrored = [
        PairwiseComparison(SWAPPED_VERDICTS[duel.read_second], SWAPPED_VERDICTS[duel.read_first])
        for duel in comparisons
    ]
    ours = win_rate(comparisons, np.random.default_rng(0))
    theirs = win_rate(mirrored, np.random.default_rng(0))
    assert ours.wilson.estimate == pytest.approx(1 - theirs.wilson.estimate)
    assert ours.wilson.low == pytest.approx(1 - theirs.wilson.high)
    assert ours.bootstrap.low == pytest.approx(1 - theirs.bootstrap.high)
    assert (ours.wins, ours.ties) == (theirs.losses, theirs.ties)
    assert ours.first_favoured == theirs.first_favoured
    assert ours.first_favoured + ours.second_favoured <= ours.ties / len(comparisons) + 1e-12


def test_a_fair_judge_has_no_position_bias():
    answers = [("long", "x"), ("x", "long"), ("as", "as")]
    comparisons = compare_pairwise(
        longer, ["q"] * 3, [a for a, _ in answers], [b for _, b in answers]
    )
    found = win_rate(comparisons, np.random.default_rng(0))
    assert (found.first_favoured, found.second_favoured) == (0, 0)
    assert (found.wins, found.losses, found.ties) == (1, 1, 1)


def test_two_models_against_the_same_opponent_are_compared_question_by_question():
    ours, theirs = np.array([1.0] * 6 + [0.0] * 4), np.array([1.0] * 4 + [0.0] * 6)
    found = paired_difference(ours, theirs, np.random.default_rng(0))
    assert found.estimate == pytest.approx(0.2)
    assert found.low == pytest.approx(0, abs=0.01)  # ours loses no question to theirs
    assert found.high == pytest.approx(0.5, abs=0.11)


def test_the_sign_test_by_hand():
    assert sign_test(9, 1) == pytest.approx(2 * (1 + 10) / 1024)
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(3, 3) == 1
    assert sign_test(0, 0) == 1


@given(st.integers(0, 6), st.integers(0, 6))
def test_the_sign_test_counts_all_outcomes_at_least_as_uneven(wins, losses):
    n = wins + losses
    flips = [abs(2 * sum(coins) - n) for coins in itertools.product([0, 1], repeat=n)]
    as_uneven = sum(gap >= abs(wins - losses) for gap in flips) / len(flips)
    assert sign_test(wins, losses) == pytest.approx(as_uneven)


def test_invalid_verdicts_and_missing_answers_are_refused():
    undecided: Any = lambda question, a, b: "both"  # noqa: E731
    with pytest.raises(BadInput, match="A, B or tie, got 'both'"):
        compare_pairwise(undecided, ["q"], ["a"], ["b"])
    with pytest.raises(BadInput, match="as many answers from each model, got 1 and 2"):
        compare_pairwise(longer, ["q", "r"], ["a"], ["b", "c"])
    with pytest.raises(BadInput, match="at least one question"):
        win_rate([], np.random.default_rng(0))
