import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.evaluation.agreement import kappa, observed_agreement, order_kappa
from finetune.evaluation.wins import (
    PairwiseComparison,
    compare_pairwise,
    judge_by_score,
    win_rate,
)
from gpt.errors import BadInput

labels = st.lists(st.tuples(st.sampled_from("ABt"), st.sampled_from("ABt")), min_size=1)


def from_table(counts):
    pairs = [pair for pair, n in counts.items() for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_kappa_by_hand():
    # both A 20, both B 15, A-B 5, B-A 10: p_o = .7, p_e = .5 x .6 + .5 x .4 = .5
    a, b = from_table({"AA": 20, "AB": 5, "BA": 10, "BB": 15})
    assert observed_agreement(a, b) == pytest.approx(0.7)
    assert kappa(a, b) == pytest.approx(0.4)


def test_three_labels_by_hand():
    # A A 2, B B 1, t t 1, A B 1, t A 1: p_o 4/6; judges' counts (3 1 2) and (3 2 1): p_e 13/36
    a, b = from_table({"AA": 2, "BB": 1, "tt": 1, "AB": 1, "tA": 1})
    assert kappa(a, b) == pytest.approx((4 / 6 - 13 / 36) / (1 - 13 / 36))


def test_equal_agreement_has_a_lower_kappa_if_one_label_dominates():
    even = from_table({"AA": 45, "BB": 45, "AB": 5, "BA": 5})
    ruled = from_table({"AA": 85, "BB": 5, "AB": 5, "BA": 5})
    assert observed_agreement(*even) == observed_agreement(*ruled) == 0.9
    assert kappa(*even) == pytest.approx(0.8)
    assert kappa(*ruled) == pytest.approx((0.9 - 0.82) / 0.18)


def test_full_agreement_is_1_and_full_disagreement_minus_1():
    assert kappa(["A", "B", "A", "B"], ["A", "B", "A", "B"]) == 1
    assert kappa(["A", "B", "A", "B"], ["B", "A", "B", "A"]) == -1


def test_two_independent_guessers_have_kappa_0():
    rng = np.random.default_rng(0)
    a, b = rng.choice(["A", "B"], p=[0.8, 0.2], size=(2, 20_000)).tolist()
    assert observed_agreement(a, b) == pytest.approx(0.68, abs=0.01)
    assert kappa(a, b) == pytest.approx(0, abs=0.02)


@given(labels)
def test_kappa_is_symmetric_at_most_1_and_independent_of_label_names(pairs):
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    if len({*a, *b}) == 1:
        assert math.isnan(kappa(a, b))
        return
    assert kappa(a, b) == pytest.approx(kappa(b, a))
    assert -1 - 1e-12 <= kappa(a, b) <= observed_agreement(a, b) + 1e-12
    renamed = {"A": "B", "B": "t", "t": "A"}
    assert kappa([renamed[x] for x in a], [renamed[y] for y in b]) == pytest.approx(kappa(a, b))


def test_judges_of_different_items_are_refused():
    with pytest.raises(BadInput, match="got 1 and 2 labels"):
        kappa(["A"], ["A", "B"])


def test_a_judges_agreement_with_itself_by_hand():
    # first A B A B, second A B B B: p_o 3/4, p_e 1/2 x 1/4 + 1/2 x 3/4
    comparisons = [
        PairwiseComparison("A", "A"),
        PairwiseComparison("B", "B"),
        PairwiseComparison("A", "B"),
        PairwiseComparison("B", "B"),
    ]
    assert order_kappa(comparisons) == pytest.approx(0.5)


def goodness(question, answer):
    return float(answer)


def test_a_judge_by_score_by_hand():
    judge = judge_by_score(goodness, first_bonus=2.0)
    assert [judge("q", "1", "2"), judge("q", "1", "3"), judge("q", "1", "4")] == ["A", "tie", "B"]


def test_why_the_order_is_swapped():
    # ours is worse by 1 in 8 of 10 questions; the judge adds 2 to the answer it reads first
    ours, theirs = ["1"] * 8 + ["2"] * 2, ["2"] * 8 + ["1"] * 2
    questions = ["q"] * 10
    fair = compare_pairwise(judge_by_score(goodness), questions, ours, theirs)
    biased = compare_pairwise(judge_by_score(goodness, first_bonus=2.0), questions, ours, theirs)
    # in one order only, it always calls ours better
    assert [duel.read_first for duel in biased] == ["A"] * 10
    assert [duel.read_second for duel in biased] == ["B"] * 10
    # two judges with the same bias agree on everything, and neither is right
    assert observed_agreement([duel.read_first for duel in biased], ["A"] * 10) == 1
    rng = np.random.default_rng(0)
    assert win_rate(fair, rng).wilson.estimate == pytest.approx(0.2)
    found = win_rate(biased, rng)
    assert (found.wilson.estimate, found.first_favoured) == (0.5, 1)
    assert order_kappa(fair) == 1
    assert order_kappa(biased) == 0


def test_a_small_bias_decides_only_close_comparisons():
    judge = judge_by_score(goodness, first_bonus=2.0)
    found = win_rate(
        compare_pairwise(judge, ["q"] * 2, ["9", "5"], ["1", "4"]), np.random.default_rng(0)
    )
    assert (found.wins, found.ties, found.first_favoured) == (1, 1, 0.5)
