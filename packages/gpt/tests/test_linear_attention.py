"""Linear attention by hand, its two forms against each other, and what the recurrent one costs."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gpt.errors import BadInput
from gpt.evaluation.recall import recall_accuracy, recall_probabilities, train_keys
from gpt.model.attention import attention, causal_mask
from gpt.model.linear_attention import (
    empty_linear_state,
    feature_map,
    linear_attention,
    linear_attention_step,
    recurrent_linear_attention,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)[None, None]


def test_the_feature_map_by_hand():
    found = feature_map(torch.tensor([-math.log(4), 0.0, 2.0]))
    torch.testing.assert_close(found, torch.tensor([0.25, 1.0, 3.0]))


# phi(q) = (1, 1), (1, 3) and phi(k) = (1, 1), (2, 1/2): the second query has weights 4 and 3.5
Q, K = tensor([0.0, 0], [0, 2]), tensor([0.0, 0], [1, -math.log(2)])
V = tensor([3.0, 0], [0, 6])


def test_two_tokens_by_hand():
    found = linear_attention(Q, K, V, causal_mask(2, 2)[None, None])
    torch.testing.assert_close(found, tensor([3.0, 0], [12 / 7.5, 21 / 7.5]))


def test_the_state_of_two_tokens_by_hand():
    state = empty_linear_state(1, 1, 2, like=Q)
    _, state = linear_attention_step(Q[:, :, 0], K[:, :, 0], V[:, :, 0], state)
    assert state.mixed.tolist() == [[[[3, 0], [3, 0]]]]
    assert state.total.tolist() == [[[1, 1]]]
    output, state = linear_attention_step(Q[:, :, 1], K[:, :, 1], V[:, :, 1], state)
    torch.testing.assert_close(state.mixed, tensor([3.0, 12], [3, 3]))
    torch.testing.assert_close(state.total, tensor(3.0, 1.5))
    torch.testing.assert_close(output, tensor(12 / 7.5, 21 / 7.5))


def test_both_forms_have_the_same_values_and_gradients():
    generator = torch.Generator().manual_seed(0)
    q, k, v, upstream = torch.randn(4, 2, 3, 9, 4, dtype=torch.float64, generator=generator)
    inputs = [each.requires_grad_() for each in (q, k, v)]
    parallel = linear_attention(*inputs, causal_mask(9, 9)[None, None])
    recurrent = recurrent_linear_attention(*inputs)
    torch.testing.assert_close(recurrent, parallel, rtol=0, atol=1e-12)
    for found, expected in zip(
        torch.autograd.grad(recurrent, inputs, upstream),
        torch.autograd.grad(parallel, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_the_step_does_not_change_the_state_before_it():
    before = empty_linear_state(1, 1, 2, like=Q)
    linear_attention_step(Q[:, :, 0], K[:, :, 0], V[:, :, 0], before)
    assert before.mixed.abs().sum() == before.total.abs().sum() == 0


def test_a_query_without_keys_gets_zeros_and_no_nan():
    q, k, v = (each.requires_grad_() for each in torch.randn(3, 1, 1, 2, 4))
    mask = torch.tensor([[True, False], [False, False]])[None, None]
    output = linear_attention(q, k, v, mask)
    assert (output[0, 0, 1] == 0).all()
    gradients = torch.autograd.grad(output.square().sum(), (q, k, v))
    assert all(each.isfinite().all() for each in gradients)


def flops(function, *inputs):
    with FlopCounterMode(display=False) as counter:
        function(*inputs)
    return counter.get_total_flops()


def test_a_token_costs_the_same_after_ten_tokens_as_after_a_thousand():
    """A state of K^2 + K numbers per head; a cache has 2 K T, more from T > (K + 1) / 2 on."""
    state = empty_linear_state(2, 3, 16, like=torch.zeros(1))
    numbers = state.mixed.numel() + state.total.numel()
    assert numbers == 2 * 3 * (16**2 + 16)
    for length in (10, 1000):
        *_, state = linear_attention_step(*torch.randn(3, 2, 3, 16), state)
        assert state.mixed.numel() + state.total.numel() == numbers, length
    token = torch.randn(2, 3, 16)
    cost = flops(linear_attention_step, token, token, token, state)
    assert cost == 2 * 2 * 3 * 16**2  # phi(q)^T S; the outer product is no matrix product for torch
    q, causal = torch.randn(2, 3, 50, 16), causal_mask(50, 50)[None, None]
    assert flops(recurrent_linear_attention, q, q, q) == 50 * cost
    assert flops(linear_attention, q, q, q, causal) == 2 * (2 * 2 * 3 * 50**2 * 16)


@pytest.mark.parametrize("sizes", [(0, 1, 4), (1, 0, 4), (1, 1, 0)], ids=str)
def test_a_state_of_nothing_is_refused(sizes):
    with pytest.raises(BadInput, match="a state needs rows, heads and a width of at least 1"):
        empty_linear_state(*sizes, like=torch.zeros(1))


def test_a_state_of_fixed_size_confuses_keys_that_softmax_tells_apart():
    accuracy = {}
    for rule in (attention, linear_attention):
        generator = torch.Generator().manual_seed(0)
        table = train_keys(rule, n_keys=64, width=8, steps=200, generator=generator)
        accuracy[rule] = [recall_accuracy(rule, table, n, generator) for n in (2, 64)]
    assert min(accuracy[attention]) > 0.99
    assert accuracy[linear_attention][0] > 0.9
    assert accuracy[linear_attention][1] < 0.5


def test_recall_by_hand():
    """Two keys far apart: the query of each finds its own value, and the probabilities are 1."""
    table, keys = torch.tensor([[40.0, 0], [0, 40], [7, 7]]), torch.tensor([[0, 1]])
    found = recall_probabilities(attention, table, keys, torch.tensor([[1, 0]]))
    torch.testing.assert_close(found, torch.tensor([[[0.0, 1], [1, 0]]]))
