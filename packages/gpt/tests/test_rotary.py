import math

import pytest
import torch

from gpt.model.rotary import (
    Rotary,
    interleaved_to_halves,
    rotary_angles,
    rotate,
    rotate_interleaved,
)


def rotated(x, begin=0):
    """Rotate rows whose first position is `begin`, with a new table."""
    return Rotary(x.shape[-1])(slice(begin, begin + x.shape[2]), x)(x)


def test_the_published_frequencies():
    # base 10000, head width 64: 1, .7499, .5623, .4217
    expected = torch.tensor([1, 0.7499, 0.5623, 0.4217], dtype=torch.float64)
    torch.testing.assert_close(rotary_angles(2, 64)[1, :4], expected, atol=5e-5, rtol=0)


@pytest.mark.parametrize("equation", [rotate, rotate_interleaved])
def test_a_quarter_turn_by_hand(equation):
    # width 2: (a, b) at angle pi/2 becomes (-b, a)
    out = equation(torch.tensor([[[[3.0, 5.0]]]]), torch.tensor([[math.pi / 2]]))
    torch.testing.assert_close(out, torch.tensor([[[[-5.0, 3.0]]]]))


def test_pairs_are_half_a_width_apart_or_neighbours():
    # width 4 at position 1: the pair of the first number rotates by 1, the other by 1/100
    x, angles = torch.tensor([1.0, 0, 0, 0]).view(1, 1, 1, 4), rotary_angles(2, 4)[1:]
    expected = torch.tensor([math.cos(1), 0, math.sin(1), 0])
    torch.testing.assert_close(rotate(x, angles)[0, 0, 0], expected)
    torch.testing.assert_close(rotate_interleaved(x, angles)[0, 0, 0], expected[[0, 2, 1, 3]])


def test_three_kernels_compute_the_equation():
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    expected = rotate(x, rotary_angles(7, 8))
    torch.testing.assert_close(rotated(x), expected, rtol=0, atol=1e-14)


def test_rows_of_a_batch_may_have_different_positions():
    x = torch.randn(2, 3, 4, 8)
    out = Rotary(8)(torch.tensor([[0, 1, 2, 3], [5, 6, 7, 8]]), x)(x)
    torch.testing.assert_close(out, torch.cat([rotated(x[:1]), rotated(x[1:], 5)]))


def test_rotation_keeps_the_length():
    x = torch.randn(2, 3, 50, 16, dtype=torch.float64)
    torch.testing.assert_close(rotated(x).norm(dim=-1), x.norm(dim=-1))


def test_scores_depend_only_on_the_distance():
    q, k = torch.randn(2, 1, 1, 1, 16, dtype=torch.float64)

    def score(query_position, key_position):
        return (rotated(q, query_position) * rotated(k, key_position)).sum()

    torch.testing.assert_close(score(7, 3), score(104, 100))
    assert not torch.isclose(score(7, 3), score(8, 3))


def test_interleaved_pairs_are_the_same_model_with_its_rows_in_another_order():
    """Heads that rotate neighbours, as in RoFormer, score as ours do with reordered projections."""
    x, (w_q, w_k) = torch.randn(5, 12).double(), torch.randn(2, 16, 12).double()
    angles = rotary_angles(5, 8)

    def scores(rotation, w_q, w_k):
        q, k = ((x @ w.T).view(5, 2, 8).transpose(0, 1)[None] for w in (w_q, w_k))
        return rotation(q, angles) @ rotation(k, angles).mT

    published = scores(rotate_interleaved, w_q, w_k)
    ours = scores(rotate, interleaved_to_halves(w_q, 2), interleaved_to_halves(w_k, 2))
    torch.testing.assert_close(ours, published, rtol=0, atol=1e-12)
    assert not torch.allclose(scores(rotate, w_q, w_k), published)


def test_the_rows_of_each_head_are_reordered_evens_first():
    assert interleaved_to_halves(torch.arange(8.0), 2).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_a_change_of_format_keeps_the_size_of_the_tables():
    rotary, x = Rotary(8), torch.randn(1, 1, 16, 8)
    for _ in range(4):
        for each in (x.bfloat16(), x):
            assert rotary(slice(0, 16), each)(each).dtype == each.dtype
    assert rotary.cos.shape[0] == 16


def test_later_positions_continue_the_sequence_and_the_tables_grow():
    x, rotary = torch.randn(1, 2, 40, 8), Rotary(8)
    parts = []
    for at in range(0, 40, 10):
        part = x[:, :, at : at + 10]
        parts.append(rotary(slice(at, at + 10), part)(part))
    torch.testing.assert_close(torch.cat(parts, dim=2), rotated(x))
    assert rotary.cos.shape[0] >= 40
