"""An adjective and a noun: one asks, the other is asked."""

import math

from handcalc.calculation import times_transposed, transpose
from handcalc.toys.asymmetry import asymmetry, query_key_scores

RED, HOUSE = [1.0, 0.0], [0.0, 1.0]  # adjective, noun


def test_likeness_is_the_same_both_ways():
    x = [[math.sin(3 * t + i) for i in range(4)] for t in range(5)]
    assert asymmetry(times_transposed(x, x)) == 0
    rows = [[1.0, 2.0], [3.0, 4.0]]
    assert times_transposed(rows, rows) == [[5, 11], [11, 25]]


def test_a_noun_asks_and_an_adjective_is_asked():
    w_q, w_k = [[0.0], [2.0]], [[3.0], [0.0]]  # nouns ask with 2, adjectives answer with 3
    scores = query_key_scores([RED, HOUSE], w_q, w_k)
    assert scores == [[0, 0], [6, 0]]
    assert asymmetry(scores) == 6


def test_the_roles_exchanged_transpose_the_scores():
    x = [[math.sin(3 * t + i) for i in range(3)] for t in range(4)]
    w_q = [[math.cos(i + 2 * j) for j in range(2)] for i in range(3)]
    w_k = [[math.cos(5 * i - j) for j in range(2)] for i in range(3)]
    assert query_key_scores(x, w_k, w_q) == transpose(query_key_scores(x, w_q, w_k))
    assert asymmetry(query_key_scores(x, w_q, w_q)) == 0
    assert asymmetry(query_key_scores(x, w_q, w_k)) > 0.1
