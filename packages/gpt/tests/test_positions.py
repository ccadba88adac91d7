import math

import pytest
import torch

from gpt.errors import BadInput
from gpt.model.positions import LearnedPositions, Rotary, rotary_angles, rotate


def test_learned_positions_add_one_row_a_position_from_the_offset_on():
    positions = LearnedPositions(context=4, d_model=2)
    positions.weight.data = torch.arange(8.0).view(4, 2)
    out = positions(torch.zeros(1, 2, 2), offset=1)
    assert out.tolist() == [[[2.0, 3.0], [4.0, 5.0]]]


def test_a_learned_position_beyond_the_table_is_refused():
    with pytest.raises(BadInput, match="position 4 lies beyond the context of 4 positions"):
        LearnedPositions(4, 2)(torch.zeros(1, 3, 2), offset=2)


def test_the_published_frequencies():
    # base 10000, head width 64: 1, .7499, .5623, .4217
    frequencies = rotary_angles(2, 64)[1, :4]
    torch.testing.assert_close(
        frequencies,
        torch.tensor([1, 0.7499, 0.5623, 0.4217], dtype=torch.float64),
        atol=5e-5,
        rtol=0,
    )


def test_a_quarter_turn_by_hand():
    # width 2: (a, b) at angle pi/2 becomes (-b, a)
    cos, sin = torch.tensor([[math.cos(math.pi / 2)]]), torch.tensor([[math.sin(math.pi / 2)]])
    out = rotate(torch.tensor([[[[3.0, 5.0]]]]), cos, sin)
    torch.testing.assert_close(out, torch.tensor([[[[-5.0, 3.0]]]]))


def test_pairs_are_half_a_width_apart():
    # width 4 at position 1: only pair (0, 2), of frequency 1, and pair (1, 3), of frequency 1/100
    x = torch.tensor([1.0, 0, 0, 0]).expand(1, 1, 2, 4)
    out = Rotary(4)(x)[0, 0, 1]
    torch.testing.assert_close(out, torch.tensor([math.cos(1), 0, math.sin(1), 0]))


def test_turning_keeps_the_length():
    x = torch.randn(2, 3, 50, 16, dtype=torch.float64)
    torch.testing.assert_close(Rotary(16)(x).norm(dim=-1), x.norm(dim=-1))


def test_scores_depend_on_the_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 16, dtype=torch.float64)
    rotary = Rotary(16)

    def score(query_position, key_position):
        return (rotary(q, query_position) * rotary(k, key_position)).sum()

    torch.testing.assert_close(score(7, 3), score(104, 100))
    assert not torch.isclose(score(7, 3), score(8, 3))


def test_a_change_of_format_keeps_the_size_of_the_tables():
    rotary, x = Rotary(8), torch.randn(1, 1, 16, 8)
    for _ in range(4):
        assert rotary(x.bfloat16()).dtype == torch.bfloat16
        assert rotary(x).dtype == torch.float32
    assert rotary.cos.shape[0] == 16


def test_interleaved_pairs_are_the_same_model_with_its_rows_in_another_order():
    """RoFormer turns pairs (2i, 2i + 1), here as complex numbers; ours are (i, i + K/2)."""
    x = torch.randn(1, 1, 5, 8, dtype=torch.float64)
    turns = torch.polar(torch.ones(5, 4, dtype=torch.float64), rotary_angles(5, 8))
    interleaved = torch.view_as_real(torch.view_as_complex(x.view(1, 1, 5, 4, 2)) * turns)
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])  # evens first: where our rows find theirs
    ours = Rotary(8)(x[..., order])
    torch.testing.assert_close(ours, interleaved.flatten(-2)[..., order], rtol=0, atol=1e-12)


def test_an_offset_continues_the_sequence_and_the_tables_grow():
    rotary, x = Rotary(8), torch.randn(1, 2, 40, 8)
    whole = rotary(x)
    rows_of_a_fresh_one = Rotary(8)
    parts = [rows_of_a_fresh_one(x[:, :, at : at + 10], offset=at) for at in range(0, 40, 10)]
    torch.testing.assert_close(torch.cat(parts, dim=2), whole)
    assert rows_of_a_fresh_one.cos.shape[0] >= 40
