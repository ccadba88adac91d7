from dataclasses import replace
from itertools import product

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from gpt.errors import BadInput
from gpt.exercises.solutions.count_parameters import count_parameters
from gpt.exercises.solutions.forward_flops import forward_flops
from gpt.model.calculators import (
    count_cache_bytes,
    count_forward_flops,
    count_parameters_by_place,
    count_training_flops,
    count_training_memory,
)
from gpt.model.gpt import GPT, GPTConfig
from gpt.model.presets import PRESETS

PLAIN = GPTConfig(vocab_size=50, context=16, n_layers=2, n_heads=4, d_model=16, d_ff=24)
CHANGES = [
    *({"positions": kind} for kind in ("learned", "sinusoidal", "alibi", "t5", "none")),
    *({"n_kv_heads": n} for n in (1, 2)),
    {"head_width": 6},
    *({"feed_forward": kind} for kind in ("swiglu", "geglu", "reglu", "relu2")),
    {"norm_kind": "rms"},
    {"norm": "post"},
    {"n_layers": 1},
]
SWITCHES = ("attention_bias", "ff_bias", "head_bias", "tied_head")


def meta_model(config):
    with torch.device("meta"):
        return GPT(config)


def test_a_model_with_parameters_to_count_by_hand():
    # D = 4, V = 10, F = 8, one block: tables 40 + 5 x 4; attention 4 x 12 + 4 x 4;
    # feed-forward 4 x 8 + 8 + 8 x 4 + 4; three LayerNorms of 8
    config = GPTConfig(10, 5, n_layers=1, n_heads=2, d_model=4, d_ff=8, positions="learned")
    assert count_parameters_by_place(config) == (40, 20, 64, 76, 24, 0)
    assert count_parameters_by_place(config).total == 224


@pytest.mark.parametrize("name", PRESETS)
def test_the_count_of_every_preset_is_that_of_the_model(name):
    assert (
        count_parameters_by_place(PRESETS[name]).total == meta_model(PRESETS[name]).n_parameters()
    )
    assert count_parameters_by_place(PRESETS[name]).total == count_parameters(PRESETS[name])


def test_the_count_of_every_mixture_is_that_of_the_model():
    for change in CHANGES:
        for values in product([False, True], repeat=len(SWITCHES)):
            config = replace(PLAIN, **change, **dict(zip(SWITCHES, values, strict=True)))
            counted = count_parameters_by_place(config).total
            assert counted == meta_model(config).n_parameters() == count_parameters(config), config


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_the_operations_are_those_that_torch_counts(change):
    config, tokens = replace(PLAIN, **change), torch.zeros(3, 7, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        GPT(config)(tokens)
    assert counter.get_total_flops() == count_forward_flops(config, 7, batch_size=3)
    assert count_forward_flops(config, 7, batch_size=3) == 3 * forward_flops(config, 7)


def test_training_takes_three_times_the_operations_as_torch_counts_them():
    model, tokens = GPT(PLAIN), torch.zeros(3, 7, dtype=torch.long)
    for block in model.blocks:  # the plain equation, whose backward pass computes nothing twice
        block.attention.attend = plain_attention
    with FlopCounterMode(display=False) as counter:
        model(tokens).sum().backward()
    assert counter.get_total_flops() == count_training_flops(PLAIN, 7, batch_size=3)


def plain_attention(q, k, v, mask):
    from gpt.model.attention import attention, causal_mask

    return attention(q, k, v, causal_mask(q.shape[2], k.shape[2])[None, None])


def test_training_gpt2_takes_about_six_operations_per_parameter_and_token():
    gpt2 = PRESETS["gpt2"]
    per_token = count_training_flops(gpt2, 1024) / 1024
    # PaLM, appendix B: 6 N + 12 L H K T, where N leaves out the positions
    in_products = 124_439_808 - 1024 * 768
    expected = 6 * in_products + 12 * 12 * 768 * 1024
    assert per_token == pytest.approx(expected, rel=2e-3)  # biases and norms
    assert per_token / (6 * 124_439_808) == pytest.approx(1.145, abs=1e-3)


@pytest.mark.parametrize("change", [{}, {"feed_forward": "swiglu"}, {"n_kv_heads": 2}], ids=str)
def test_the_activations_are_near_those_that_autograd_saves(change):
    config = replace(PLAIN, **{"d_model": 32, "d_ff": 128, "feed_forward": "gelu-erf"} | change)
    model, tokens, saved = GPT(config), torch.zeros(4, 16, dtype=torch.long), {}

    def record(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(record, lambda tensor: tensor):
        loss = model(tokens).logsumexp(-1).sum()
    for parameter in model.parameters():
        saved.pop(parameter.untyped_storage().data_ptr(), None)
    counted = count_training_memory(config, 16, batch_size=4)
    assert sum(saved.values()) == pytest.approx(counted.activations + counted.logits, rel=0.3)
    assert loss.requires_grad


def test_the_memory_of_gpt2_by_hand():
    memory = count_training_memory(PRESETS["gpt2"], 1024, batch_size=1)
    assert memory.weights == memory.gradients == memory.optimizer // 2 == 4 * 124_439_808
    # per position and block 4 x 768 + 3 x 768 + 768 + 12 + 2 x 3072 numbers
    assert memory.activations == 4 * 1024 * 12 * (8 * 768 + 12 + 6144)
    assert memory.logits == 4 * 1024 * 50257
    assert memory.total == sum(memory)


def test_the_cache_is_as_large_as_that_of_the_model():
    config = replace(PLAIN, n_kv_heads=2)
    layers = GPT(config).cache(batch_size=3, n_slots=9).layers
    held = sum(each.keys.nbytes + each.values.nbytes for each in layers)
    assert count_cache_bytes(config, 9, batch_size=3) == held


@pytest.mark.parametrize("count", [count_forward_flops, count_training_memory, count_cache_bytes])
def test_a_batch_without_tokens_or_rows_is_refused(count):
    with pytest.raises(BadInput, match="n_tokens must be at least 1, got 0"):
        count(PLAIN, 0, 1)
    with pytest.raises(BadInput, match="batch_size must be at least 1, got -2"):
        count(PLAIN, 5, -2)
