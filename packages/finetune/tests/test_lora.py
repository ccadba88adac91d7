import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from finetune.lora.inject import (
    AdaptedLinear,
    LoraConfig,
    count_trainable,
    inject,
    lora_layers,
    lora_parameters,
    n_lora_parameters,
)
from finetune.lora.layer import LoraLinear
from finetune.lora.merge import disable_adapters, merge, merged_copy, unmerge
from finetune.lora.projections import LoraProjections
from gpt.errors import BadInput
from gpt.generation.generate import generate
from gpt.model.config import GPTConfig
from gpt.model.fast.direct_calls import with_direct_calls
from gpt.model.fast.linear import FastLinear
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as

LLAMA = GPTConfig(
    vocab_size=20, context=16, n_layers=2, n_heads=4, d_model=16, d_ff=24, n_kv_heads=2,
    norm_kind="rms", feed_forward="swiglu", ff_bias=False,
)  # fmt: skip
GPT2 = GPTConfig(
    vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32,
    positions="learned", attention_bias=True,
)  # fmt: skip
SHAPES = pytest.mark.parametrize("shape", [LLAMA, GPT2], ids=["llama", "gpt2"])
TOKENS = torch.randint(0, 20, (3, 9), generator=torch.Generator().manual_seed(1))


def adapted(shape=LLAMA, config=None, dtype=torch.float64):
    """A model with random adapters, and its base."""
    base = GPT(shape).to(dtype)
    for parameter in base.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    model = copy.deepcopy(base)
    inject(model, config or LoraConfig(rank=2, alpha=6.0))
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.b)
    return model, base


def plain_layer(base, rank, scale):
    """The equation as it is written."""
    return LoraLinear(base, rank, scale)


def adapted_layer(base, rank, scale):
    """The layer that `inject` uses, which trains by the fused operation."""
    return AdaptedLinear(base, [slice(0, base.out_features)], rank, scale)


LAYERS = pytest.mark.parametrize("make_layer", [plain_layer, adapted_layer])


def hand_layer(make_layer):
    """W = I, A = (1 2), B = (3 0)^T, scale 2."""
    layer = make_layer(nn.Linear(2, 2, bias=False), rank=1, scale=2.0)
    layer.base.weight.data = torch.eye(2)
    layer.a.data, layer.b.data = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [0.0]])
    return layer


@LAYERS
def test_a_layer_by_hand(make_layer):
    # A x = 1 + 2 = 3, B A x = (9, 0), y = (1, 1) + 2 (9, 0)
    x = torch.tensor([[1.0, 1.0]], requires_grad=True)
    layer = hand_layer(make_layer)
    y = layer(x)
    assert y.tolist() == [[19, 1]]
    y[0, 0].backward()
    assert layer.b.grad.tolist() == [[6], [0]]  # s A x
    assert layer.a.grad.tolist() == [[6, 6]]  # s B x
    assert x.grad.tolist() == [[7, 12]]  # W + s B A = (1 + 6, 12)
    assert layer.base.weight.grad is None


@pytest.mark.parametrize("kind", [LoraProjections, AdaptedLinear])
def test_queries_keys_and_values_have_adapters_of_their_own(kind):
    """Three outputs of one layer; the first and the last have an adapter of rank 1."""
    layer = kind(nn.Linear(2, 3, bias=False), [slice(0, 1), slice(2, 3)], rank=1, scale=1.0)
    layer.base.weight.data.zero_()
    layer.a.data, layer.b.data = torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[10.0], [100]])
    assert layer(torch.tensor([[2.0, 3.0]])).tolist() == [[20, 0, 300]]
    assert layer.delta_weight().tolist() == [[10, 0], [0, 0], [0, 100]]


def test_the_projections_of_one_layer_compute_what_separate_layers_do():
    q, k, v = (LoraLinear(nn.Linear(7, n).double(), rank=2, scale=0.7) for n in (4, 3, 5))
    outputs = [slice(0, 4), slice(7, 12)]  # k has no adapter
    joined = LoraProjections(nn.Linear(7, 12).double(), outputs, rank=2, scale=0.7)
    for layer in (q, v):
        torch.nn.init.normal_(layer.b)
    for name in ("weight", "bias"):
        parts = [getattr(layer.base, name).data for layer in (q, k, v)]
        getattr(joined.base, name).data = torch.cat(parts)
    joined.a.data, joined.b.data = torch.cat([q.a, v.a]).data, torch.cat([q.b, v.b]).data
    x = torch.randn(2, 4, 7, dtype=torch.float64)
    separate = torch.cat([q(x), k.base(x), v(x)], dim=-1)
    torch.testing.assert_close(joined(x), separate, rtol=0, atol=1e-12)
    expected = torch.cat([q.delta_weight(), torch.zeros(3, 7), v.delta_weight()])
    torch.testing.assert_close(joined.delta_weight(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("outputs", [[(0, 12)], [(0, 5), (5, 8), (8, 12)], [(0, 5), (8, 12)]])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_fused_operation_equals_the_equation_in_values_and_gradients(outputs, dtype, atol):
    outputs = [slice(*each) for each in outputs]
    layer = AdaptedLinear(nn.Linear(7, 12).to(dtype), outputs, rank=3, scale=0.7)
    torch.nn.init.normal_(layer.b)
    x = torch.randn(2, 4, 7, dtype=dtype, requires_grad=True)
    upstream = torch.randn(2, 12, 4, dtype=dtype).transpose(1, 2)  # not contiguous
    fused, plain = layer(x), LoraLinear.forward(layer, x)
    assert "FusedLora" in str(fused.grad_fn) and "FusedLora" not in str(plain.grad_fn)
    inputs = [x, layer.a, layer.b]
    ours = torch.autograd.grad(fused, inputs, upstream)
    expected = torch.autograd.grad(plain, inputs, upstream)
    for a, b in zip((fused, *ours), (plain, *expected), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=atol)


@SHAPES
def test_a_model_trains_by_the_equation_as_by_the_fused_operation(shape, monkeypatch):
    model, _ = adapted(shape)
    found = []
    for uses_fused in (True, False):
        if not uses_fused:
            monkeypatch.setattr("finetune.lora.inject.can_fuse", lambda layer, x: False)
        model.zero_grad()
        loss = model(TOKENS, targets=TOKENS)
        loss.backward()
        found.append([loss.detach(), *(each.grad for each in lora_parameters(model))])
    for fused, plain in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=0, atol=1e-10)


@LAYERS
def test_an_input_without_gradient_gets_none(make_layer):
    layer, x = hand_layer(make_layer), torch.ones(1, 2)
    layer(x).sum().backward()
    assert x.grad is None and layer.a.grad is not None


@SHAPES
def test_adapters_start_as_the_identity(shape):
    model = GPT(shape)
    before = model(TOKENS)
    inject(model, LoraConfig())
    assert torch.equal(model(TOKENS), before)
    bounds = {layer.a.shape[1]: layer.a.abs().max() for layer in lora_layers(model).values()}
    for width, largest in bounds.items():
        assert 0.8 / math.sqrt(width) < largest <= 1 / math.sqrt(width)


@SHAPES
def test_the_base_gets_no_gradient_and_the_adapters_do(shape):
    model, _ = adapted(shape)
    loss = model(TOKENS, targets=TOKENS)
    loss.backward()
    own = {id(parameter) for parameter in lora_parameters(model)}
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (id(parameter) in own), name
        assert id(parameter) not in own or parameter.grad.abs().min() > 0, name


@LAYERS
def test_no_product_computes_a_gradient_of_a_frozen_weight(make_layer):
    """Backward through 64 x 64 weights and 64 rows: one product of that size, and low-rank ones."""
    layer = make_layer(nn.Linear(64, 64, bias=False), rank=1, scale=1.0)
    y = layer(torch.randn(64, 64, requires_grad=True))
    with FlopCounterMode(display=False) as counted:
        y.sum().backward()
    assert 2 * 64**3 < counted.get_total_flops() < 1.1 * 2 * 64**3


@SHAPES
@pytest.mark.parametrize("targets", [("q",), ("q", "v"), ("o", "down"), ("k", "up"), ("all",)])
def test_the_count_is_rank_times_in_plus_out(shape, targets):
    model, config = GPT(shape), LoraConfig(rank=3, targets=targets)
    inject(model, config)
    learning = sum(each.numel() for each in model.parameters() if each.requires_grad)
    assert learning == n_lora_parameters(shape, config)
    assert learning == sum(each.numel() for each in lora_parameters(model))


def test_the_count_by_hand():
    # a block of LLAMA: q 16 -> 16 and v 16 -> 8, so 2 layers x rank 3 x (32 + 24)
    assert n_lora_parameters(LLAMA, LoraConfig(rank=3, targets=("q", "v"))) == 336


def test_count_trainable_reports_how_much_is_trained():
    model = GPT(LLAMA)
    total = model.n_parameters()
    inject(model, LoraConfig(rank=3, targets=("q", "v")))
    covered = count_trainable(model)
    assert covered == (336, total + 336, 2)
    assert str(covered) == f"336 trained of {total + 336:,}, {336 / (total + 336):.2%}, in 2 layers"


@SHAPES
def test_merging_changes_the_weights_and_not_the_outputs(shape):
    model, base = adapted(shape)
    before = model(TOKENS)
    assert (before - base(TOKENS)).abs().max() > 0.1
    merge(model)
    merge(model)  # once is enough
    torch.testing.assert_close(model(TOKENS), before, rtol=0, atol=1e-12)
    name = "blocks.0.attention.qkv"
    assert not torch.equal(
        model.get_submodule(name).base.weight, base.get_parameter(f"{name}.weight")
    )
    unmerge(model)
    torch.testing.assert_close(model(TOKENS), before, rtol=0, atol=1e-12)
    for name, layer in lora_layers(model).items():
        first = base.get_parameter(f"{name}.weight")
        torch.testing.assert_close(layer.base.weight, first, rtol=0, atol=1e-14)


@SHAPES
@pytest.mark.parametrize("in_place_first", [False, True])
def test_a_merged_model_has_no_adapters_and_the_names_of_its_base(shape, in_place_first):
    model, base = adapted(shape)
    if in_place_first:
        merge(model)
    plain = merged_copy(model)
    assert not lora_layers(plain) and [*plain.state_dict()] == [*base.state_dict()]
    torch.testing.assert_close(plain(TOKENS), model(TOKENS), rtol=0, atol=1e-12)
    assert all(parameter.requires_grad for parameter in plain.parameters())
    assert not model.embedding.weight.requires_grad
    plain.embedding.weight.data.zero_()
    assert model.embedding.weight.abs().max() > 0  # nothing is shared


def test_merging_in_bf16_rounds_once():
    model, _ = adapted(dtype=torch.bfloat16)
    layer = model.blocks[0].mlp.up
    assert layer.a.dtype == torch.float32 and layer.base.weight.dtype == torch.bfloat16
    exact = layer.base.weight.float() + 3 * layer.b @ layer.a
    plain = merged_copy(model).blocks[0].mlp.up.weight
    torch.testing.assert_close(plain, exact.bfloat16(), rtol=2**-8, atol=1e-6)
    assert plain.dtype == torch.bfloat16
    merge(model)
    assert torch.equal(layer.base.weight, plain)


@SHAPES
@torch.no_grad()
def test_disabled_adapters_leave_the_base_to_the_bit(shape):
    model, base = adapted(shape, dtype=torch.float32)
    changed = model(TOKENS)
    with disable_adapters(model):
        assert torch.equal(model(TOKENS), base(TOKENS))
        with disable_adapters(model):
            pass
        assert torch.equal(model(TOKENS), base(TOKENS))
    assert torch.equal(model(TOKENS), changed) and not torch.equal(changed, base(TOKENS))


def test_adapters_come_back_after_an_error_inside():
    model, _ = adapted()
    with pytest.raises(RuntimeError), disable_adapters(model):
        raise RuntimeError
    assert all(layer.is_active for layer in lora_layers(model).values())


def test_merged_adapters_cannot_be_disabled():
    model, _ = adapted()
    merge(model)
    with pytest.raises(BadInput, match="unmerge"), disable_adapters(model):
        pass


@SHAPES
def test_generation_uses_the_adapters_and_so_does_the_model_with_direct_calls(shape):
    model, base = adapted(shape, dtype=torch.float32)
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            with_direct_calls(model)(TOKENS), model(TOKENS), rtol=0, atol=1e-6
        )
        with disable_adapters(model):
            assert torch.equal(with_direct_calls(model)(TOKENS), base(TOKENS))
    text = list(generate(model, [1, 2], 10, lambda scores: scores.argmax(-1)))
    greedy = [1, 2]
    for _ in range(10):
        greedy.append(int(model(torch.tensor([greedy]))[0, -1].argmax()))
    assert text == greedy[2:]


@LAYERS
def test_a_single_row_takes_the_fast_path_for_few_rows(make_layer, monkeypatch):
    called = []
    path = "gpt.model.fast.linear.linear_few_rows"
    monkeypatch.setattr(path, lambda x, weight, bias: called.append(1) or F.linear(x, weight, bias))
    layer = make_layer(FastLinear(512, 512), rank=2, scale=1.0)
    with torch.no_grad():
        layer(torch.randn(1, 1, 512))
    assert called


def test_a_policy_of_a_model_with_adapters_trains_them():
    model, _ = adapted()
    policy = share_layers_as(Policy, model)
    assert [*policy.state_dict()] == [*model.state_dict()]
    policy(TOKENS, torch.ones_like(TOKENS, dtype=torch.bool)).sum().backward()
    assert all(parameter.grad is not None for parameter in lora_parameters(model))


def test_state_dicts_hold_base_and_adapters():
    (model, base), (other, _) = adapted(), adapted()
    saved = model.state_dict()
    assert {name.replace(".base.", ".") for name in saved} > set(base.state_dict())
    other.load_state_dict(saved)
    assert torch.equal(other(TOKENS), model(TOKENS))


@pytest.mark.parametrize("kind", [LoraProjections, AdaptedLinear])
def test_dropout_applies_to_the_input_of_a_and_only_in_training(kind):
    layer = kind(nn.Linear(1000, 1, bias=False), [slice(0, 1)], 1, 1.0, p_dropout=0.25)
    torch.nn.init.ones_(layer.b)
    layer.base.weight.data.zero_()
    layer.a.data.fill_(1)
    x = torch.ones(1, 1000)
    layer.train()
    first, second = layer(x).item(), layer(x).item()
    assert first != second and abs(first - 1000) < 100 and abs(second - 1000) < 100
    assert layer.eval()(x).item() == 1000


def test_only_the_generator_decides_the_initial_a():
    starts = []
    for seed in (5, 5, 6):
        model = GPT(LLAMA)
        inject(model, LoraConfig(), torch.Generator().manual_seed(seed))
        starts.append(model.blocks[1].mlp.up.a.detach())
        torch.rand(1)
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])


def test_a_base_that_is_unfrozen_again_gets_gradients():
    model, _ = adapted()
    model.requires_grad_(True)
    model(TOKENS, targets=TOKENS).backward()
    weight = model.blocks[0].mlp.up.base.weight
    assert weight.grad is not None
    plain = merged_copy(model)
    plain(TOKENS, targets=TOKENS).backward()
    expected = plain.blocks[0].mlp.up.weight.grad
    torch.testing.assert_close(weight.grad, expected, rtol=0, atol=1e-10)


def test_autocast_and_bf16_use_the_equation():
    model, _ = adapted(dtype=torch.float32)
    exact = model(TOKENS)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(TOKENS)
    rough.float().sum().backward()
    assert (rough - exact).abs().max() < 0.1 * exact.abs().max()
    half = copy.deepcopy(model).to(torch.bfloat16)
    assert (half(TOKENS).float() - exact).abs().max() < 0.1 * exact.abs().max()


def test_a_few_steps_of_training_lower_the_loss_and_leave_the_base_unchanged():
    model, base = adapted(config=LoraConfig(rank=4, alpha=4.0), dtype=torch.float32)
    for each in (model, base):
        each.embedding.weight.data *= 5  # the frozen head then makes confident predictions
    optimizer, losses = torch.optim.AdamW(lora_parameters(model), lr=3e-2), []
    for _ in range(40):
        optimizer.zero_grad()
        loss = model(TOKENS[:, :-1], targets=TOKENS[:, 1:]) / TOKENS[:, 1:].numel()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad(), disable_adapters(model):
        assert torch.equal(model(TOKENS), base(TOKENS))


BAD = {
    "the rank of an adapter must be at least 1, got 0": {"rank": 0},
    "alpha must be a positive number, got -1": {"alpha": -1.0},
    "alpha must be a positive number, got nan": {"alpha": math.nan},
    r"dropout must lie in \[0, 1\), got 1.0": {"dropout": 1.0},
    "no projection is called 'c_attn'; choose from q, k, v, o, gate, up, down, all": {
        "targets": ("c_attn",)
    },
    "no projection to adapt is named; choose from q": {"targets": ()},
}


@pytest.mark.parametrize("message", BAD)
def test_an_invalid_config_is_refused(message):
    with pytest.raises(BadInput, match=message):
        LoraConfig(**BAD[message])


def test_a_model_without_a_gate_projection_cannot_adapt_one():
    model = GPT(GPT2)
    with pytest.raises(BadInput, match="no projection is called 'gate'; choose from q, k, v, o"):
        inject(model, LoraConfig(targets=("q", "gate")))
    assert not lora_layers(model) and all(each.requires_grad for each in model.parameters())


def test_adapters_of_adapters_are_refused():
    model, _ = adapted()
    with pytest.raises(BadInput, match="adapters already, in 10 layers"):
        inject(model, LoraConfig())


def test_second_derivatives_of_the_fused_operation_are_refused():
    x = torch.ones(1, 2, requires_grad=True)
    y = hand_layer(adapted_layer)(x)
    (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()
