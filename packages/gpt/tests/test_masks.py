"""Sparse masks: whole matrices by hand, and which tokens a real model reads through them."""

import pytest
import torch

from gpt.errors import BadInput
from gpt.exercises.solutions.window_mask import window_mask
from gpt.model.attention import attention, causal_mask, fused_attention
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.model.masks import block_sparse_mask, receptive_field, sliding_window_mask, strided_mask

LAYOUT = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 1]]).bool()
MASKS = {
    "window 3": sliding_window_mask(12, 12, 3),
    "stride 4": strided_mask(12, 12, 4),
    "blocks of 4": block_sparse_mask(LAYOUT, 4),
}


def test_a_window_of_two_and_of_three_by_hand():
    assert sliding_window_mask(5, 5, 2).int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1],
    ]
    assert sliding_window_mask(2, 5, 3).int().tolist() == [[0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    assert torch.equal(sliding_window_mask(4, 4, 1), torch.eye(4).bool())
    assert torch.equal(sliding_window_mask(4, 6, 100), causal_mask(4, 6))


def test_a_window_counts_as_the_exercise_does():
    for n_queries, n_keys, window in ((7, 7, 3), (1, 9, 4), (3, 8, 8), (4, 4, 9)):
        expected = window_mask(n_queries, n_keys, window)
        assert torch.equal(sliding_window_mask(n_queries, n_keys, window), expected)


def test_a_stride_of_three_by_hand():
    assert strided_mask(8, 8, 3).int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [1, 0, 0, 1, 1, 1, 1, 0],
        [0, 1, 0, 0, 1, 1, 1, 1],
    ]
    assert strided_mask(2, 8, 3).int().tolist() == [
        [1, 0, 0, 1, 1, 1, 1, 0],
        [0, 1, 0, 0, 1, 1, 1, 1],
    ]
    assert torch.equal(strided_mask(5, 5, 1), causal_mask(5, 5))


def test_blocks_of_two_by_hand():
    assert block_sparse_mask(LAYOUT, 2).int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 1, 1],
    ]
    last = block_sparse_mask(LAYOUT[2:], 2)  # the queries of the last block alone
    assert last.int().tolist() == [[1, 1, 0, 0, 1, 0], [1, 1, 0, 0, 1, 1]]


def test_a_stride_near_the_root_of_the_length_keeps_twice_the_root_per_query():
    kept = strided_mask(1024, 1024, 32).sum(dim=1)
    assert kept[-1] == 32 + 31  # the last 32, and 31 multiples of 32 before them
    assert kept.max() == 63


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sliding_window_mask(4, 4, 0), "a window must hold .* own position, got 0"),
        (lambda: strided_mask(4, 4, 0), "a stride must be at least 1, got 0"),
        (lambda: strided_mask(4, 4, -2), "a stride must be at least 1, got -2"),
        (lambda: block_sparse_mask(LAYOUT, 0), "a block must hold at least one position, got 0"),
        (lambda: block_sparse_mask(LAYOUT.T, 2), "lets block 0 of the queries see block 2, which"),
    ],
    ids=["window", "stride", "negative stride", "block", "later block"],
)
def test_patterns_that_make_no_sense_are_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_the_fused_kernel_takes_the_mask(mask):
    q, k, v = (torch.randn(2, 2, 12, 8, dtype=torch.float64) for _ in range(3))
    expected = attention(q, k, v, mask[None, None])
    torch.testing.assert_close(fused_attention(q, k, v, mask[None, None]), expected)


def tokens_that_matter(n_layers, mask):
    """For each position of a real model, which embeddings its logits have a gradient for."""
    torch.manual_seed(0)
    shape = {"n_heads": 2, "d_model": 16, "d_ff": 16, "n_kv_heads": 1, "positions": "t5"}
    model = GPT(GPTConfig(30, context=len(mask), n_layers=n_layers, **shape)).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    embedded = []
    model.embedding.register_forward_hook(lambda *call: embedded.append(call[2]))
    logits = model(torch.randint(0, 30, (1, len(mask))), mask[None, None])
    weights = torch.randn(30, dtype=torch.float64)
    rows = [
        torch.autograd.grad(each @ weights, embedded[0], retain_graph=True)[0] for each in logits[0]
    ]
    return torch.cat(rows).abs().amax(dim=-1) > 0


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_real_model_reads_exactly_its_receptive_field(mask, n_layers):
    assert torch.equal(tokens_that_matter(n_layers, mask), receptive_field(mask, n_layers))


@pytest.mark.parametrize(("window", "n_layers"), [(1, 3), (2, 3), (4, 1), (3, 3)])
def test_windows_see_further_with_every_layer(window, n_layers):
    seen = tokens_that_matter(n_layers, sliding_window_mask(12, 12, window))
    furthest = (window - 1) * n_layers + 1
    assert seen.sum(dim=1).tolist() == [min(t + 1, furthest) for t in range(12)]
    assert seen[-1, -furthest:].all()


def test_two_strided_layers_connect_every_position_with_every_earlier_one():
    assert torch.equal(receptive_field(strided_mask(100, 100, 10), 2), causal_mask(100, 100))


def test_the_receptive_field_of_a_query_without_keys_is_itself():
    assert torch.equal(receptive_field(torch.zeros(3, 3).bool(), 2), torch.eye(3).bool())
