import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from finetune.lora.inject import (
    AdaptedLinear,
    LoraConfig,
    count_trainable,
    inject,
    lora_layers,
    lora_parameters,
)
from finetune.lora.merge import disable_adapters, merge, merged_copy
from finetune.lora.nf4 import (
    Nf4Linear,
    dequantise_matrix,
    dequantise_model,
    linear_layers,
    nearest_level,
    nf4_levels,
    quantise_matrix,
    quantise_model,
)
from gpt.errors import BadInput
from gpt.generation.generate import generate
from gpt.model.config import GPTConfig
from gpt.model.fast.direct_calls import with_direct_calls
from gpt.model.gpt import GPT
from gpt.policy.policy import copy_sharing_frozen

SHAPE = GPTConfig(
    vocab_size=40, context=16, n_layers=2, n_heads=4, d_model=64, d_ff=96, n_kv_heads=2,
    norm_kind="rms", feed_forward="swiglu", ff_bias=False,
)  # fmt: skip
TOKENS = torch.randint(0, 40, (4, 12), generator=torch.Generator().manual_seed(1))
# Dettmers et al. 2023, appendix E
PUBLISHED = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
]  # fmt: skip


def round_trip(weight):
    return dequantise_matrix(quantise_matrix(weight), tuple(weight.shape))


def integers(weight):
    """Quantise the same blocks to 15 evenly spaced levels, -7/7 to 7/7."""
    blocks = weight.view(-1, 64)
    scales = blocks.abs().amax(dim=1, keepdim=True)
    units = (blocks / scales * 7).round()
    return units, (units / 7 * scales).view_as(weight)


def test_the_levels_are_the_published_ones():
    expected = torch.tensor(PUBLISHED, dtype=torch.float64)
    torch.testing.assert_close(nf4_levels(), expected, rtol=0, atol=1e-6)


def test_every_number_is_rounded_to_the_nearest_level():
    x = torch.rand(1000) * 2 - 1
    expected = (x[:, None] - nf4_levels().float()).abs().argmin(dim=1)
    assert torch.equal(nearest_level(x).long(), expected)
    assert nearest_level(nf4_levels()).tolist() == list(range(16))


def test_a_block_by_hand():
    """Scale 2, so 1.4, 0.5 and -2 are 0.7, 0.25 and -1 of it: levels 14, 10 and 0; zero is 7."""
    weight = torch.zeros(1, 64)
    weight[0, :4] = torch.tensor([1.4, 0.5, -2, 0])
    stored = quantise_matrix(weight)
    assert stored.codes[0, :3].tolist() == [14 << 4 | 10, 0 << 4 | 7, 7 << 4 | 7]
    assert stored.mean == 2 and not stored.scales.any()
    values = [2 * PUBLISHED[14], 2 * PUBLISHED[10], -2, 0]
    torch.testing.assert_close(round_trip(weight)[0, :4], torch.tensor(values))


def test_scales_in_eight_bits_are_within_half_a_step():
    weight = torch.randn(300, 64) * torch.rand(300, 1)  # two groups of 256 scales
    exact = weight.abs().amax(dim=1)
    stored = quantise_matrix(weight)
    scales = (stored.scales * stored.steps + stored.mean).flatten()[:300]
    steps = stored.steps.repeat_interleave(256)[:300]
    assert ((scales - exact).abs() <= 0.5001 * steps).all()
    assert steps.max() < 0.01 * exact.max()


@pytest.mark.parametrize("shape", [(3, 5), (1, 64), (7, 64), (5, 100), (64, 640)])
def test_matrices_of_any_shape_survive_the_round_trip(shape):
    weight = torch.randn(shape)
    again = round_trip(weight)
    assert again.shape == weight.shape
    assert ((again - weight).abs().max() / weight.abs().max()) < 0.17  # half the widest gap is 0.15


def test_weights_equal_to_levels_are_stored_exactly():
    weight = nf4_levels().float().repeat(4, 4)  # all scales are 1, equal to their mean
    torch.testing.assert_close(round_trip(weight), weight, rtol=0, atol=1e-7)
    assert torch.equal(round_trip(torch.zeros(3, 64)), torch.zeros(3, 64))


def test_normal_weights_lose_less_than_in_plain_integers():
    """The mean squared error is lower, and the 16 levels are used more evenly."""
    weight = 0.02 * torch.randn(256, 640)
    units, plain = integers(weight)
    assert F.mse_loss(round_trip(weight), weight) < 0.8 * F.mse_loss(plain, weight)
    codes = nearest_level(weight.view(-1, 64) / weight.view(-1, 64).abs().amax(dim=1, keepdim=True))
    assert entropy(codes) > entropy(units + 7) + 0.3 and entropy(codes) > 3.8


def entropy(codes):
    """Return the entropy of the codes in bits per code."""
    share = torch.bincount(codes.flatten().long(), minlength=16) / codes.numel()
    return -torch.special.xlogy(share, share).sum() / torch.log(torch.tensor(2.0))


def test_a_weight_takes_0_516_bytes():
    layer = Nf4Linear(nn.Linear(576, 1536, bias=False))
    assert layer.n_weights == 576 * 1536
    assert abs(layer.n_bytes / layer.n_weights - (4 + 8 / 64 + 32 / (64 * 256)) / 8) < 1e-4
    assert round(layer.n_bytes / layer.n_weights, 3) == 0.516


@pytest.mark.parametrize("bias", [False, True])
def test_the_layer_multiplies_by_the_dequantised_matrix(bias):
    plain = nn.Linear(64, 32, bias=bias)
    layer = Nf4Linear(copy.deepcopy(plain))
    x, upstream = torch.randn(2, 5, 64, requires_grad=True), torch.randn(2, 5, 32)
    y = layer(x)
    expected = F.linear(x, round_trip(plain.weight.detach()), plain.bias)
    torch.testing.assert_close(y, expected)
    (ours,) = torch.autograd.grad(y, x, upstream)
    torch.testing.assert_close(ours, upstream @ round_trip(plain.weight.detach()))
    with torch.no_grad():
        assert torch.equal(layer(x), y)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_forward_pass_does_not_keep_the_dequantised_matrix(adapted):
    """Autograd keeps nothing of a frozen layer; with an adapter it keeps x, A, B and A x."""
    layer, x, kept = Nf4Linear(nn.Linear(64, 640, bias=False)), torch.randn(2, 64), []
    if adapted:
        layer = AdaptedLinear(layer, [slice(0, 640)], rank=1, scale=1.0)
    with torch.autograd.graph.saved_tensors_hooks(lambda each: kept.append(each) or each, id):
        layer(x.requires_grad_())
    assert sum(each.numel() for each in kept) == adapted * (2 * 64 + 64 + 640 + 2)


def test_quantising_a_model_does_not_change_the_embedding_and_the_norms():
    model = GPT(SHAPE)
    before, n_layers = model.state_dict(), len(linear_layers(model))
    quantise_model(model)
    stored = [each for each in model.modules() if isinstance(each, Nf4Linear)]
    assert n_layers == len(stored) == 10 and not linear_layers(model)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
    with pytest.raises(BadInput, match="no layer"):
        quantise_model(model)


def test_dequantising_gives_the_same_outputs_and_the_names_of_the_base():
    model = GPT(SHAPE)
    names = [*model.state_dict()]
    quantise_model(model)
    with torch.no_grad():
        before = model(TOKENS)
        dequantise_model(model)
        assert [*model.state_dict()] == names
        torch.testing.assert_close(model(TOKENS), before)


def test_a_quantised_model_generates_and_can_be_quantised_again_from_its_base():
    model = GPT(SHAPE).eval()
    twin = copy.deepcopy(model)
    quantise_model(model)
    assert len(list(generate(model, [1, 2], 6))) == 6
    with torch.no_grad():
        torch.testing.assert_close(
            with_direct_calls(model)(TOKENS), model(TOKENS), rtol=0, atol=1e-6
        )
    quantise_model(twin)
    assert torch.equal(twin(TOKENS), model(TOKENS))
    assert model.state_dict().keys() == dict(model.named_parameters()).keys()


def test_codes_shared_by_copies_are_counted_once_as_weights_in_full_precision_are():
    found = []
    for bits in (32, 4):
        model = GPT(SHAPE)
        if bits == 4:
            quantise_model(model)
        inject(model, LoraConfig(rank=4))
        found.append(count_trainable(nn.ModuleList([model, copy_sharing_frozen(model)])))
    assert found[0] == found[1]


@pytest.mark.parametrize("first", ["quantise", "inject"])
def test_lora_trains_on_a_quantised_base_whose_codes_never_change(first):
    model = GPT(SHAPE)
    model.embedding.weight.data *= 20
    steps = [lambda: quantise_model(model), lambda: inject(model, LoraConfig(rank=4, alpha=8.0))]
    for step in steps if first == "quantise" else reversed(steps):
        step()
    assert all(isinstance(layer.base, Nf4Linear) for layer in lora_layers(model).values())
    stored = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.no_grad():
        start = model(TOKENS)
    losses, optimizer = [], torch.optim.AdamW(lora_parameters(model), lr=1e-2)
    for _ in range(25):
        optimizer.zero_grad()
        loss = model(TOKENS[:, :-1], targets=TOKENS[:, 1:]) / TOKENS[:, 1:].numel()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(torch.equal(buffer, stored[name]) for name, buffer in model.named_buffers())
    with torch.no_grad(), disable_adapters(model):
        assert torch.equal(model(TOKENS), start)


def test_adapters_get_the_gradients_that_they_get_on_the_dequantised_base():
    model = GPT(SHAPE).double()
    quantise_model(model)
    inject(model, LoraConfig(rank=2))
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.b)
    twin = copy.deepcopy(model)
    dequantise_model(twin)
    for each in (model, twin):
        each(TOKENS, targets=TOKENS).backward()
    for ours, expected in zip(lora_parameters(model), lora_parameters(twin), strict=True):
        torch.testing.assert_close(ours.grad, expected.grad, rtol=0, atol=1e-10)


def test_count_trainable_includes_quantised_weights():
    model = GPT(SHAPE)
    total = model.n_parameters()
    quantise_model(model)
    inject(model, LoraConfig(rank=1, targets=("v",)))
    assert count_trainable(model) == (2 * (64 + 32), total + 2 * (64 + 32), 2)


def test_merging_makes_a_new_model_in_full_precision():
    model = GPT(SHAPE)
    quantise_model(model)
    inject(model, LoraConfig(rank=2))
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.b, std=0.1)
    with pytest.raises(BadInput, match="four bits"):
        merge(model)
    plain = merged_copy(model)
    assert len(linear_layers(plain)) == 10
    torch.testing.assert_close(plain(TOKENS), model(TOKENS), rtol=0, atol=1e-5)


def test_the_biases_of_quantised_layers_can_be_trained_after_merging():
    model = GPT(replace(SHAPE, feed_forward="gelu", ff_bias=True))
    nn.init.normal_(model.blocks[0].mlp.widen.bias)
    before = model(TOKENS)
    quantise_model(model)
    assert (model(TOKENS) - before).abs().max() < 0.5  # the bias is still added
    inject(model, LoraConfig(rank=2, targets=("q",)))
    plain = merged_copy(model)
    plain(TOKENS).square().sum().backward()
    assert all(parameter.grad is not None for parameter in plain.parameters())
