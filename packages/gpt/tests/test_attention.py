import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpt.model.attention import (
    attention,
    attention_weights,
    causal_mask,
    full_attention,
    fused_attention,
    padding_mask,
)


def rows(*values, heads=1):
    return torch.tensor(values, dtype=torch.float64)[None, None].expand(1, heads, -1, -1)


def test_the_causal_mask_of_four_positions():
    assert causal_mask(4, 4).int().tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
    ]


def test_two_new_queries_see_all_keys_before_them():
    assert causal_mask(2, 5).int().tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]


def test_the_padding_mask_keeps_the_first_keys_of_each_sequence():
    mask = padding_mask(torch.tensor([3, 1, 0]), 3)
    assert mask[:, 0, 0].int().tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]


def test_weights_worked_by_hand():
    # one head of width 4, so scores are divided by 2; the second query scores 2 ln 3 and 0
    q = rows([0.0, 0, 0, 0], [4 * math.log(3), 0, 0, 0])
    k = rows([1.0, 0, 0, 0], [0.0, 1, 0, 0])
    weights = attention_weights(q, k, torch.ones(1, 1, 2, 2, dtype=torch.bool))
    torch.testing.assert_close(weights[0, 0], rows([0.5, 0.5], [0.9, 0.1])[0, 0])
    out = attention(q, k, rows([0.0, 0, 0, 0], [10.0, 0, 0, 0]), causal_mask(2, 2)[None, None])
    torch.testing.assert_close(out[0, 0, :, 0], torch.tensor([0.0, 1.0], dtype=torch.float64))


@pytest.mark.parametrize("implementation", [attention, fused_attention])
def test_a_query_without_keys_gets_zeros_and_no_nan(implementation):
    q, k, v = (torch.randn(2, 2, 4, 8, requires_grad=True) for _ in range(3))
    mask = causal_mask(4, 4) & padding_mask(torch.tensor([4, 0]), 4)
    out = implementation(q, k, v, mask)
    assert out[1].abs().max() == 0
    gradients = torch.autograd.grad(out.square().sum(), (q, k, v))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert all(gradient[1].abs().max() == 0 for gradient in gradients)
    assert all(gradient[0].abs().max() > 0 for gradient in gradients)


@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 2**31))
def test_the_equation_and_the_fused_kernel_agree_in_value_and_gradient(batch, length, seed):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, 2, length, 8)
    q, k, v, upstream = (
        torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(4)
    )
    for tensor in (q, k, v):
        tensor.requires_grad_()
    lengths = torch.randint(0, length + 1, (batch,), generator=generator)
    mask = causal_mask(length, length) & padding_mask(lengths, length)
    ours, fused = attention(q, k, v, mask), fused_attention(q, k, v, mask)
    torch.testing.assert_close(ours, fused, rtol=0, atol=1e-12)
    for a, b in zip(
        torch.autograd.grad(ours, (q, k, v), upstream),
        torch.autograd.grad(fused, (q, k, v), upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_queries", [1, 2, 5])
def test_without_a_mask_the_last_query_is_at_the_last_key(n_queries):
    q, k, v = (torch.randn(2, 2, n, 8, dtype=torch.float64) for n in (n_queries, 5, 5))
    causal = attention(q, k, v, causal_mask(n_queries, 5)[None, None])
    torch.testing.assert_close(fused_attention(q, k, v), causal, rtol=0, atol=1e-12)


def test_without_a_mask_full_attention_attends_to_later_keys_too():
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 4, generator=generator) for _ in range(3))
    everything = torch.ones(5, 5, dtype=torch.bool)[None, None]
    torch.testing.assert_close(full_attention(q, k, v), attention(q, k, v, everything))
    mask = padding_mask(torch.tensor([5, 2]), 5)
    torch.testing.assert_close(full_attention(q, k, v, mask), attention(q, k, v, mask))


def test_a_bias_is_added_to_the_scores_before_the_softmax():
    # two keys with equal scores; a bias of ln 3 on the first makes it three times as heavy
    q, bias = rows([1.0, 2.0]), rows([math.log(3), 0.0])
    k = rows([3.0, 4.0], [3.0, 4.0])
    both = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    weights = attention_weights(q, k, both, bias)
    torch.testing.assert_close(weights[0, 0], rows([0.75, 0.25])[0, 0])


def test_the_fused_kernel_takes_the_bias_as_its_mask():
    q, k, v = (torch.randn(2, 2, 5, 8, dtype=torch.float64) for _ in range(3))
    bias, mask = torch.randn(1, 2, 5, 5, dtype=torch.float64), causal_mask(5, 5)[None, None]
    fused = fused_attention(q, k, v, bias.masked_fill(~mask, -torch.inf))
    torch.testing.assert_close(attention(q, k, v, mask, bias), fused, rtol=0, atol=1e-12)


def test_each_key_value_head_serves_the_heads_of_its_group():
    q, k, v = (torch.randn(2, n, 5, 8, dtype=torch.float64) for n in (6, 2, 2))
    every = [k.repeat_interleave(3, dim=1), v.repeat_interleave(3, dim=1)]
    causal = attention(q, *every, causal_mask(5, 5)[None, None])
    torch.testing.assert_close(fused_attention(q, k, v), causal, rtol=0, atol=1e-12)
