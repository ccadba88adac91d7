import math

import pytest
import torch

from gpt.errors import BadInput
from gpt.model.positions import LearnedPositions, SinusoidalPositions, sinusoids


def test_learned_positions_add_one_row_per_position():
    positions = LearnedPositions(context=4, d_model=2)
    positions.weight.data = torch.arange(8.0).view(4, 2)
    out = positions(torch.zeros(1, 2, 2), slice(1, 3))
    assert out.tolist() == [[[2.0, 3.0], [4.0, 5.0]]]


def test_rows_of_a_batch_may_have_different_positions():
    positions = LearnedPositions(context=4, d_model=2)
    positions.weight.data = torch.arange(8.0).view(4, 2)
    out = positions(torch.zeros(2, 2, 2), torch.tensor([[0, 1], [2, 3]]))
    assert out.tolist() == [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [6.0, 7.0]]]


def test_a_learned_position_beyond_the_table_is_refused():
    with pytest.raises(BadInput, match="position 4 is beyond the context of 4 positions"):
        LearnedPositions(4, 2)(torch.zeros(1, 3, 2), slice(2, 5))


def test_sinusoids_by_hand():
    # width 6: the divisors are 1, 10000^(1/3) = 21.544 and 10000^(2/3) = 464.159
    rows = sinusoids(3, 6)
    assert rows[0].tolist() == [0, 1, 0, 1, 0, 1]
    for t in (1, 2):
        waves = [
            f(t / divisor) for divisor in (1, 21.54435, 464.15888) for f in (math.sin, math.cos)
        ]
        assert rows[t].tolist() == pytest.approx(waves, abs=1e-6)


def test_moving_by_three_positions_rotates_every_pair_by_the_same_angle():
    pairs = torch.view_as_complex(sinusoids(50, 16).view(50, 8, 2))
    turns = pairs[3:] / pairs[:-3]
    torch.testing.assert_close(turns, turns[:1].expand_as(turns))


@pytest.mark.parametrize("index", [slice(0, 9), torch.arange(9).expand(2, 9)])
def test_the_table_of_sinusoids_grows(index):
    short, x = SinusoidalPositions(8), torch.randn(2, 9, 8, dtype=torch.float64)
    torch.testing.assert_close(short(x, index), x + sinusoids(9, 8), rtol=0, atol=1e-15)
