"""Queries and keys: a noun that looks for an adjective."""

import math

from handcalc.calculation import times_transposed, transpose
from handcalc.gradients.check import max_difference
from handcalc.toys.asymmetry import query_key_scores

RED, HOUSE = [1.0, 0.0], [0.0, 1.0]  # adjective, noun


def test_dot_products_of_rows_are_symmetric():
    x = [[math.sin(3 * t + i) for i in range(4)] for t in range(5)]
    likeness = times_transposed(x, x)
    assert likeness == transpose(likeness)
    rows = [[1.0, 2.0], [3.0, 4.0]]
    assert times_transposed(rows, rows) == [[5, 11], [11, 25]]


def test_a_noun_finds_an_adjective_but_not_the_other_way_round():
    w_q, w_k = [[0.0], [2.0]], [[3.0], [0.0]]  # nouns ask with 2, adjectives answer with 3
    scores = query_key_scores([RED, HOUSE], w_q, w_k)
    assert scores == [[0, 0], [6, 0]]


def test_exchanging_queries_and_keys_transposes_the_scores():
    x = [[math.sin(3 * t + i) for i in range(3)] for t in range(4)]
    w_q = [[math.cos(i + 2 * j) for j in range(2)] for i in range(3)]
    w_k = [[math.cos(5 * i - j) for j in range(2)] for i in range(3)]
    assert query_key_scores(x, w_k, w_q) == transpose(query_key_scores(x, w_q, w_k))
    tied, scores = query_key_scores(x, w_q, w_q), query_key_scores(x, w_q, w_k)
    assert tied == transpose(tied)
    assert max_difference(scores, transpose(scores)) > 0.1
