"""Attention maps against the equation and against the kernel, in models of every kind."""

import math

import pytest
import torch
from einops import einsum, repeat

from gpt.inside.activations import Point, record_activations
from gpt.inside.attention_maps import attention_maps, recording_kernel_inputs, weights_of_kernel
from gpt.model.attention import padding_mask
from gpt.model.config import GPTConfig
from gpt.model.fast.packing import Packing
from gpt.model.gpt import GPT

SMALL = {"vocab_size": 20, "context": 8, "n_layers": 2, "n_heads": 4, "d_model": 16, "d_ff": 32}
KINDS = [
    {"positions": "learned", "norm": "post"},
    {"positions": "sinusoidal", "attention_bias": True},
    {"positions": "rotary", "norm_kind": "rms", "n_kv_heads": 2},
    {"positions": "alibi", "n_kv_heads": 1},
    {"positions": "t5"},
    {"positions": "alibi"},
    {"positions": "none", "head_width": 6},
]
TOKENS = torch.tensor([[1, 5, 2, 8, 0, 3], [9, 9, 4, 7, 1, 0]])


def make_model(**kind):
    model = GPT(GPTConfig(**SMALL, **kind)).double().eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter)
    return model


def test_weights_worked_by_hand():
    # width 4, so scores are divided by 2: query 1 scores ln 3 and 0, and gives weights 3 : 1
    q, k = torch.zeros(1, 1, 2, 4), torch.eye(2, 4)[None, None]
    q[0, 0, 1, 0] = 2 * math.log(3)
    torch.testing.assert_close(
        weights_of_kernel(q, k, None)[0, 0], torch.tensor([[1.0, 0.0], [0.75, 0.25]])
    )
    # a bias of -ln 3 on the first key makes them equal
    bias = torch.tensor([[0.0, -math.inf], [-math.log(3), 0.0]])[None, None]
    torch.testing.assert_close(
        weights_of_kernel(q, k, bias)[0, 0], torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    )


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_rows_sum_to_one_and_the_future_gets_nothing(kind):
    maps = attention_maps(make_model(**kind), TOKENS)
    assert maps.shape == (2, 2, 4, 6, 6)
    torch.testing.assert_close(maps.sum(dim=-1), torch.ones(2, 2, 4, 6).double())
    assert maps.triu(1).abs().max() == 0
    assert maps.tril().min() >= 0


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_maps_give_the_outputs_of_the_heads_that_the_kernel_computed(kind):
    model = make_model(**kind)
    maps, heads = attention_maps(model, TOKENS), record_activations(model, TOKENS)
    with recording_kernel_inputs(model) as layers:
        model.hidden(TOKENS)
    for layer, inputs in enumerate(layers):
        v = repeat(inputs.v, "B J S K -> B (J group) S K", group=4 // inputs.v.shape[1])
        mixed = einsum(maps[layer], v, "B H T S, B H S K -> B T H K")
        torch.testing.assert_close(heads[Point("heads", layer)], mixed)


def test_alibi_prefers_near_keys_and_its_maps_show_it():
    model = make_model(positions="alibi")
    for block in model.blocks:
        block.attention.qkv.weight.data.zero_()  # all scores 0: only the distance counts
    row = attention_maps(model, TOKENS)[0, 0, 0, 2, :3]  # head 0 has slope 1/4
    torch.testing.assert_close(row, torch.tensor([-0.5, -0.25, 0.0]).double().softmax(dim=0))


def test_the_maps_of_a_padding_mask_give_padding_nothing():
    model = make_model(positions="learned")
    mask = padding_mask(torch.tensor([6, 4]), 6)
    with recording_kernel_inputs(model) as layers:
        model.hidden(TOKENS, mask)
    weights = weights_of_kernel(layers[0].q, layers[0].k, layers[0].mask)
    assert weights[1, :, :, 4:].abs().max() == 0
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 4, 6).double())


def test_the_kernels_come_back_when_the_block_fails_and_logits_stay_the_same():
    model = make_model()
    before, kernels = model(TOKENS), [block.attention.attend for block in model.blocks]
    with pytest.raises(KeyError), recording_kernel_inputs(model):
        assert torch.equal(model(TOKENS), before)
        raise KeyError
    assert [block.attention.attend for block in model.blocks] == kernels


def test_packed_rows_have_no_map():
    packing = Packing(torch.arange(4), 2, 2)
    with pytest.raises(TypeError, match="no single attention map"):
        weights_of_kernel(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4), packing)
