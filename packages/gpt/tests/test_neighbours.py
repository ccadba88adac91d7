"""Nearest tokens by cosine."""

import math

import pytest
import torch

from gpt.errors import BadInput
from gpt.inside.neighbours import Neighbour, nearest_tokens

TABLE = torch.tensor([[1.0, 0.0], [5.0, 5.0], [0.0, 2.0], [-3.0, 0.0], [0.0, 0.0]])


def test_neighbours_worked_by_hand():
    # the length of a row does not count, only its direction: 45 and 90 degrees, and the opposite
    (first, near), *rest = nearest_tokens(TABLE, 0, n=4)
    assert first == 1 and math.isclose(near, math.cos(math.pi / 4), rel_tol=1e-6)
    assert {each.token for each in rest[:2]} == {2, 4} and rest[0].cosine == rest[1].cosine == 0
    assert rest[2] == Neighbour(3, -1.0)


def test_cosines_are_torchs():
    table = torch.randn(30, 6, generator=torch.Generator().manual_seed(1))
    expected = torch.cosine_similarity(table, table[7:8])
    for token, cosine in nearest_tokens(table, 7, n=29):
        assert math.isclose(cosine, expected[token], rel_tol=1e-4, abs_tol=1e-6)
    assert 7 not in [token for token, _ in nearest_tokens(table, 7, n=29)]


@pytest.mark.parametrize(
    ("token", "n", "message"),
    [
        (5, 1, "token must lie between 0 and 4, got 5"),
        (-1, 1, "got -1"),
        (0, 5, "the 4 other tokens, got 5"),
        (0, 0, "n must lie between 1"),
    ],
)
def test_what_does_not_exist_is_refused(token, n, message):
    with pytest.raises(BadInput, match=message):
        nearest_tokens(TABLE, token, n)
