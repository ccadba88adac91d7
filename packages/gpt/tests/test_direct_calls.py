"""A copy with direct calls computes the same, and leaves the original unchanged."""

import pytest
import torch
from torch import nn

from gpt import GPT, GPTConfig
from gpt.generation.generate import generate
from gpt.model.fast.direct_calls import with_direct_calls

SHAPE = {"vocab_size": 50, "context": 16, "n_layers": 2, "n_heads": 4, "d_model": 32, "d_ff": 64}


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "alibi", "t5"])
def test_its_logits_are_those_of_the_model(positions):
    model = GPT(GPTConfig(**SHAPE, positions=positions, head_bias=True, tied_head=False)).eval()
    tokens = torch.randint(0, 50, (2, 9))
    assert torch.equal(with_direct_calls(model)(tokens), model(tokens))


def test_it_shares_weights_that_change_in_place():
    model, tokens = GPT(GPTConfig(**SHAPE)).eval(), torch.tensor([[1, 2, 3]])
    direct = with_direct_calls(model)
    with torch.no_grad():
        model.blocks[0].attention.qkv.weight.mul_(3)
    assert torch.equal(direct(tokens), model(tokens))


def test_the_model_keeps_its_mode_and_its_class():
    model = GPT(GPTConfig(**SHAPE, dropout=0.5)).train()
    direct = with_direct_calls(model)
    assert model.training and all(each.training for each in model.modules())
    assert not any(each.training for each in direct.modules())
    assert isinstance(direct, GPT) and type(model) is GPT


def test_hooks_run_in_generation():
    model, seen = GPT(GPTConfig(**SHAPE)), []
    handle = model.blocks[1].register_forward_hook(lambda *arguments: seen.append(arguments))
    assert with_direct_calls(model) is model
    list(generate(model, [1, 2], 3))
    assert len(seen) == 3
    handle.remove()
    assert with_direct_calls(model) is not model


def test_a_forward_that_was_replaced_runs_in_generation():
    model = GPT(GPTConfig(**SHAPE))
    layer = model.blocks[0].mlp
    before, seen = layer.forward, []
    layer.forward = lambda x: seen.append(x) or before(x)
    list(generate(model, [1, 2], 3))
    assert len(seen) == 3


def test_hooks_of_every_module_run_in_generation():
    model, seen = GPT(GPTConfig(**SHAPE)), []
    hook = lambda *arguments: seen.append(arguments)  # noqa: E731
    handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        list(generate(model, [1, 2], 3))
    finally:
        handle.remove()
    assert seen


def test_a_new_weight_of_the_copy_is_its_own():
    model = GPT(GPTConfig(**SHAPE))
    before = model.blocks[0].attention.qkv.weight
    with_direct_calls(model).blocks[0].attention.qkv.weight = nn.Parameter(torch.zeros_like(before))
    assert model.blocks[0].attention.qkv.weight is before
