"""The online softmax by hand, and attention in tiles against attention in one matrix."""

import math

import pytest
import torch

from gpt.errors import BadInput
from gpt.evaluation.live_bytes import LiveBytes
from gpt.model.attention import attention, causal_mask
from gpt.model.tiled_attention import OnlineSoftmax, add_tile, tiled_attention


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)[None, None]


def test_a_larger_score_in_the_second_tile_scales_down_the_first():
    # scores 0 and ln 3, then ln 4: weights 1/8, 3/8 and 4/8 of the values 8, 16 and 40
    nothing = OnlineSoftmax(tensor([-math.inf]), tensor([0.0]), tensor([0.0]))
    first = add_tile(nothing, tensor([0, math.log(3)]), tensor([8.0], [16.0]))
    torch.testing.assert_close(first.maximum, tensor([math.log(3)]))
    torch.testing.assert_close(first.total, tensor([1 / 3 + 1]))
    torch.testing.assert_close(first.mixed, tensor([8 / 3 + 16]))
    second = add_tile(first, tensor([math.log(4)]), tensor([40.0]))
    torch.testing.assert_close(second.maximum, tensor([math.log(4)]))
    torch.testing.assert_close(second.total, tensor([4 / 3 * 3 / 4 + 1]))
    torch.testing.assert_close(second.mixed, tensor([56 / 3 * 3 / 4 + 40]))
    torch.testing.assert_close(second.mixed / second.total, tensor([1 + 6 + 20.0]))


def test_a_smaller_score_leaves_what_was_summed_as_it_is():
    past = OnlineSoftmax(tensor([math.log(4)]), tensor([2.0]), tensor([54.0]))
    after = add_tile(past, tensor([-math.inf, math.log(2)]), tensor([99.0], [10.0]))
    torch.testing.assert_close(after.maximum, past.maximum)
    torch.testing.assert_close(after.total, tensor([2.5]))
    torch.testing.assert_close(after.mixed, tensor([59.0]))


@pytest.mark.parametrize("tile", [1, 3, 4, 64])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 1), (11, 11), (1, 9), (5, 12)], ids=str)
def test_tiles_give_the_values_and_gradients_of_the_whole_matrix(n_queries, n_keys, tile):
    generator = torch.Generator().manual_seed(tile)
    q, upstream = torch.randn(2, 2, 3, n_queries, 8, dtype=torch.float64, generator=generator)
    k, v = torch.randn(2, 2, 3, n_keys, 8, dtype=torch.float64, generator=generator)
    inputs = [each.requires_grad_() for each in (5 * q, 5 * k, v)]  # scores of about 25
    whole = attention(*inputs, causal_mask(n_queries, n_keys)[None, None])
    tiled = tiled_attention(*inputs, tile)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-12)
    for found, expected in zip(
        torch.autograd.grad(tiled, inputs, upstream),
        torch.autograd.grad(whole, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_scores_beyond_the_range_of_exp_neither_overflow_nor_vanish():
    # in fp32, exp(89) is infinite and exp(-104) zero
    q = torch.tensor([[[[1.0]]]])
    k = torch.tensor([-300.0, 300, 301, 250, -300])[None, None, :, None]
    v = torch.tensor([1.0, 2, 3, 4, 5])[None, None, :, None]
    found = tiled_attention(q, k, v, tile=2)
    expected = (2 + 3 * math.e) / (1 + math.e)
    torch.testing.assert_close(found.flatten(), torch.tensor([expected]))


def peak_numbers(function, *inputs):
    """Count the numbers that a call holds at once, beyond its inputs and its output."""
    with LiveBytes() as live:
        output = function(*inputs)
    return (live.peak - output.nbytes) // output.element_size()


def test_the_numbers_held_at_once_grow_with_the_length_and_not_with_its_square():
    n_heads, d_head, tile, whole, tiled = 2, 4, 16, [], []
    for length in (64, 128):
        q, k, v = torch.randn(3, 1, n_heads, length, d_head)
        mask = causal_mask(length, length)[None, None]
        whole.append(peak_numbers(lambda *each, m=mask: attention(*each, m), q, k, v))
        tiled.append(peak_numbers(lambda *each: tiled_attention(*each, tile), q, k, v))
        assert whole[-1] > 2 * n_heads * length**2
    assert 3.9 < whole[1] / whole[0] < 4.1
    assert tiled[1] - tiled[0] == n_heads * 64  # log_divisor, one number for each query
    assert tiled[1] < 4 * n_heads * tile**2 + n_heads * 128


def test_training_in_tiles_saves_no_scores_for_the_backward_pass():
    q, k, v = (each.requires_grad_() for each in torch.randn(3, 1, 2, 128, 4))
    mask, peaks = causal_mask(128, 128)[None, None], []
    for function in (lambda: attention(q, k, v, mask), lambda: tiled_attention(q, k, v, 16)):
        with LiveBytes() as live:
            function().square().sum().backward()
        peaks.append(live.peak // 4)
    assert peaks[0] > 2 * 2 * 128**2
    assert peaks[1] < 10 * q.numel() + 8 * 2 * 16**2  # outputs, gradients, and a few tiles


@pytest.mark.parametrize(
    ("n_queries", "tile", "message"),
    [
        (3, 0, "a tile must hold at least one position, got 0"),
        (3, -1, "a tile must hold at least one position, got -1"),
        (4, 2, "4 queries have only 3 keys, so the first see none"),
    ],
)
def test_tiles_that_cannot_be_computed_are_refused(n_queries, tile, message):
    q, k = torch.randn(1, 1, n_queries, 2), torch.randn(1, 1, 3, 2)
    with pytest.raises(BadInput, match=message):
        tiled_attention(q, k, k, tile)
