"""The variance of dot products: exactly for coins, nearly for normal draws."""

import random
from itertools import product

import pytest

from handcalc.calculation import dot
from handcalc.toys.scaling import divide_by_root, random_scores, score_statistics

WIDTHS = [4, 16, 64, 256]


def test_a_variance_by_hand():
    assert (
        score_statistics([[1.0, 3.0], [5.0, 7.0]]).variance == 5
    )  # distances -3 -1 1 3: (9 + 1 + 1 + 9) / 4


@pytest.mark.parametrize("d_k", [1, 2, 3, 4])
def test_over_all_rows_of_signs_the_variance_is_exactly_the_width(d_k):
    rows = list(product([-1.0, 1.0], repeat=d_k))
    assert score_statistics([[dot(q, k) for k in rows] for q in rows]).variance == d_k


def test_the_scores_are_dot_products_of_the_draws_of_a_seed():
    draws = random.Random(3)
    q, k_0, k_1 = ([draws.gauss(0, 1), draws.gauss(0, 1)] for _ in range(3))
    scores = random_scores(d_k=2, n_queries=1, n_keys=2, seed=3)
    assert scores == [[dot(q, k_0), dot(q, k_1)]]


@pytest.mark.parametrize("d_k", WIDTHS)
def test_the_variance_grows_with_the_width_unless_divided_by_the_root(d_k):
    scores = random_scores(d_k, n_queries=100, n_keys=30, seed=0)
    assert score_statistics(scores).variance == pytest.approx(d_k, rel=0.15)
    assert score_statistics(divide_by_root(scores, d_k)).variance == pytest.approx(1, rel=0.15)


def test_dividing_by_the_root_by_hand():
    assert divide_by_root([[6.0, -3.0], [0.0, 1.5]], 9) == [[2, -1], [0, 0.5]]


def test_the_largest_weight_is_the_mean_of_the_queries():
    # the first query gives four keys equal weights, the second gives e^20 times as much to one
    found = score_statistics([[0.0, 0.0, 0.0, 0.0], [20.0, 0.0, 0.0, 0.0]])
    assert found.largest_weight == pytest.approx((1 / 4 + 1) / 2, abs=1e-8)


def test_only_without_the_root_one_key_gets_all_the_attention():
    plain, divided = [], []
    for d_k in WIDTHS:
        scores = random_scores(d_k, n_queries=100, n_keys=30, seed=0)
        plain.append(score_statistics(scores).largest_weight)
        divided.append(score_statistics(divide_by_root(scores, d_k)).largest_weight)
    assert plain == sorted(plain) and plain[-1] > 0.8
    assert max(divided) - min(divided) < 0.05 and max(divided) < 0.25
