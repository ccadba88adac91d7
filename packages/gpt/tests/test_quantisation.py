import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.quantisation.fast_linear import (
    FastInt4Linear,
    FastInt8Linear,
    fast_layer,
    use_fast_products,
)
from gpt.quantisation.linear import QuantisedLinear, quantise_model, stored_bytes
from gpt.quantisation.report import measure_quantisation
from gpt.quantisation.rounding import (
    QuantisedWeights,
    dequantise_weights,
    pack_nibbles,
    quantise_weights,
    unpack_nibbles,
)

SHAPE = GPTConfig(vocab_size=50, context=32, n_layers=2, n_heads=2, d_model=64, d_ff=128)


def test_four_bits_by_hand():
    # largest 3.5 and 14: scales 1/2 and 2
    weight = torch.tensor([[3.5, -1.1, 0.2, 0.3], [-14.0, 3.1, 5.0, 0.9]])
    integers, scales = quantise_weights(weight, bits=4)
    assert scales.tolist() == [[0.5], [2.0]]
    assert integers.tolist() == [[7, -2, 0, 1], [-7, 2, 2, 0]]
    assert dequantise_weights(QuantisedWeights(integers, scales)).tolist() == [
        [3.5, -1.0, 0.0, 0.5],
        [-14.0, 4.0, 4.0, 0.0],
    ]


def test_a_smaller_group_has_smaller_steps():
    weight = torch.tensor([[14.0, 1.0, 0.7, -0.3]])
    rows, pairs = (dequantise_weights(quantise_weights(weight, 4, group)) for group in (None, 2))
    assert rows.tolist() == [[14.0, 0.0, 0.0, 0.0]]  # 1 is half a step, and rounds to even
    torch.testing.assert_close(pairs, torch.tensor([[14.0, 0.0, 0.7, -0.3]]), rtol=0, atol=1e-2)


def test_two_integers_share_a_byte():
    packed = pack_nibbles(torch.tensor([[7, -7, 0, 1]], dtype=torch.int8))
    assert packed.tolist() == [[0x1F, 0x98]]  # q + 8: 15 and 1, 8 and 9
    integers = torch.randint(-7, 8, (5, 12), dtype=torch.int8)
    assert torch.equal(unpack_nibbles(pack_nibbles(integers)), integers)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("group", [None, 32, 8])
def test_no_weight_moves_by_more_than_half_a_step(bits, group):
    weight = torch.randn(300, 96) * torch.logspace(-9, 3, 300)[:, None]
    integers, scales = quantise_weights(weight, bits, group)
    moved = (dequantise_weights(QuantisedWeights(integers, scales)) - weight).abs()
    steps = scales.float().repeat_interleave(96 // scales.shape[1], dim=1)
    assert (moved <= steps * (0.5 + 1e-5)).all()
    assert moved.max() > 0.4 * steps.max()  # the bound is nearly reached
    assert integers.abs().max() == {8: 127, 4: 7}[bits]


def test_eight_bits_equal_those_of_torch():
    weight = torch.randn(20, 48)
    integers, scales = quantise_weights(weight, 8)
    theirs = torch.fake_quantize_per_channel_affine(
        weight, scales[:, 0].float(), torch.zeros(20, dtype=torch.int32), 0, -127, 127
    )
    assert torch.equal(dequantise_weights(QuantisedWeights(integers, scales)), theirs)


def test_zeros_stay_zeros():
    weights = quantise_weights(torch.zeros(2, 4), 8)
    assert dequantise_weights(weights).tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize(("bits", "group"), [(8, None), (8, 16), (4, None), (4, 16)])
def test_a_quantised_layer_is_linear_in_its_rounded_weights(bits, group):
    linear, x = nn.Linear(48, 20), torch.randn(2, 3, 48)
    layer = QuantisedLinear(linear, bits, group)
    rounded = dequantise_weights(quantise_weights(linear.weight.detach(), bits, group))
    torch.testing.assert_close(layer(x), F.linear(x, rounded, linear.bias))
    n_groups = 20 * (1 if group is None else 48 // group)
    assert layer.integers.nbytes == 20 * 48 * bits // 8
    assert layer.scales.nbytes == 2 * n_groups


@torch.inference_mode()
@pytest.mark.parametrize(("bits", "group"), [(8, None), (4, 32)])
def test_the_kernels_round_x_and_the_result_to_bf16_and_nothing_else(bits, group):
    x, plain = torch.randn(1, 3, 64), QuantisedLinear(nn.Linear(64, 96), bits, group)
    bytes_before, product = stored_bytes(plain), plain(x.bfloat16().float()) - plain.bias
    fast = fast_layer(plain)
    assert type(fast) is {8: FastInt8Linear, 4: FastInt4Linear}[bits]
    torch.testing.assert_close(fast(x) - plain.bias, product, rtol=2**-8, atol=1e-6)
    offsets = {8: 0, 4: plain.scales.nbytes}[bits]
    assert stored_bytes(fast) == bytes_before + offsets


@torch.no_grad()
@pytest.mark.parametrize(("bits", "group"), [(8, None), (4, 32)])
def test_a_fast_model_writes_the_logits_of_the_plain_one(bits, group):
    model, tokens = quantise_model(GPT(SHAPE).eval(), bits, group), torch.randint(0, 50, (1, 8))
    plain = model(tokens)
    fast = use_fast_products(model)(tokens)
    assert not any(type(module) is QuantisedLinear for module in model.modules())
    torch.testing.assert_close(fast, plain, rtol=0, atol=5e-3)  # logits reach 0.5


def test_layers_without_a_kernel_stay_plain():
    for n_outputs, bits, group in [(40, 4, 32), (48, 4, 16), (48, 4, None), (48, 8, 32)]:
        layer = QuantisedLinear(nn.Linear(160, n_outputs), bits, group)
        assert type(fast_layer(layer)) is QuantisedLinear


@torch.no_grad()
def test_more_bits_and_smaller_groups_change_the_logits_less():
    model, tokens = GPT(SHAPE).eval(), torch.randint(0, 50, (4, 32))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    changes = []
    for bits, group in [(8, None), (4, 8), (4, 32), (4, None)]:
        quantised = quantise_model(copy.deepcopy(model), bits, group)
        changes.append((quantised(tokens) - model(tokens)).pow(2).mean().sqrt().item())
    assert changes == sorted(changes) and changes[1] > 5 * changes[0] > 0


def test_a_model_of_four_bits_takes_the_calculated_memory():
    model = quantise_model(GPT(SHAPE), bits=4, group=32)
    weights = 2 * 64 * (3 * 64 + 64 + 2 * 128)  # two blocks: qkv, output, widen, narrow
    rest = 64 * (50 + 2 * 2 * 2 + 2) + 2 * (128 + 64)  # embeddings, norms, biases
    assert stored_bytes(model) == weights // 2 + 2 * weights // 32 + 4 * rest
    assert not any(type(module) is nn.Linear for module in model.blocks.modules())


def test_the_report_measures_size_loss_and_speed():
    model = GPT(SHAPE).eval()
    models = {"fp32": model, "int8": quantise_model(copy.deepcopy(model), 8)}
    text = np.arange(100) % 50
    found = measure_quantisation(models, text, [1, 2], context=32, n_tokens=2, repeats=1)
    assert found["fp32"].megabytes == pytest.approx(stored_bytes(model) / 1e6)
    assert found["int8"].megabytes < found["fp32"].megabytes / 2
    assert found["int8"].loss == pytest.approx(found["fp32"].loss, abs=0.01)
    assert all(each.tokens_per_second > 0 for each in found.values())


@pytest.mark.parametrize(
    ("bits", "group", "message"),
    [
        (3, None, "quantised to 8 or 4 bits, not 3"),
        (16, 32, "quantised to 8 or 4 bits, not 16"),
        (4, 48, "groups of 48 weights do not divide a row of 64"),
        (8, 0, "groups of 0 weights do not divide a row of 64"),
    ],
)
def test_impossible_settings_leave_the_model_unchanged(bits, group, message):
    model = GPT(SHAPE)
    with pytest.raises(BadInput, match=message):
        quantise_model(model, bits, group)
    assert not any(isinstance(module, QuantisedLinear) for module in model.modules())


def test_odd_rows_numbers_that_are_not_finite_and_a_second_quantisation_are_refused():
    for value in (float("nan"), float("inf")):
        with pytest.raises(BadInput, match="NaN or infinite cannot be quantised"):
            quantise_weights(torch.tensor([[1.0, value]]), 8)
    with pytest.raises(BadInput, match="stored in pairs, but a row has 5"):
        quantise_weights(torch.ones(2, 5), 4)
    with pytest.raises(BadInput, match="quantised already"):
        quantise_model(quantise_model(GPT(SHAPE), 8), 4)
    fast = use_fast_products(quantise_model(GPT(SHAPE), 4, group=32))
    with pytest.raises(BadInput, match="quantised already"):
        quantise_model(fast, 4)
