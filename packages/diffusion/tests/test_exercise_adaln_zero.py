"""The check of `adaln_zero` refuses common mistakes."""

import pytest
import torch
import torch.nn.functional as F

from diffusion.exercises.check_adaln_zero import check
from diffusion.exercises.solutions.adaln_zero import adaln_zero
from diffusion.model.modulation import Modulation, modulate


def parts(condition, weight, bias):
    return F.linear(F.silu(condition), weight, bias)[:, None].chunk(3, dim=-1)


def normalise(x):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def scale_without_1(x, condition, weight, bias, layer):
    shift, scale, gate = parts(condition, weight, bias)
    return x + gate * layer(normalise(x) * scale + shift)


def scale_before_shift(x, condition, weight, bias, layer):
    scale, shift, gate = parts(condition, weight, bias)
    return x + gate * layer(normalise(x) * (1 + scale) + shift)


def no_norm(x, condition, weight, bias, layer):
    shift, scale, gate = parts(condition, weight, bias)
    return x + gate * layer(x * (1 + scale) + shift)


def no_residual(x, condition, weight, bias, layer):
    shift, scale, gate = parts(condition, weight, bias)
    return gate * layer(normalise(x) * (1 + scale) + shift)


def gate_on_the_input(x, condition, weight, bias, layer):
    shift, scale, gate = parts(condition, weight, bias)
    return x + layer(gate * (normalise(x) * (1 + scale) + shift))


def no_activation(x, condition, weight, bias, layer):
    shift, scale, gate = F.linear(condition, weight, bias)[:, None].chunk(3, dim=-1)
    return x + gate * layer(normalise(x) * (1 + scale) + shift)


def one_modulation_per_patch(x, condition, weight, bias, layer):
    shift, scale, gate = F.linear(F.silu(condition), weight, bias).chunk(3, dim=-1)
    return x + gate * layer(normalise(x) * (1 + scale) + shift)


WRONG = [
    scale_without_1,
    scale_before_shift,
    no_norm,
    no_residual,
    gate_on_the_input,
    no_activation,
    one_modulation_per_patch,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_the_solution_is_the_modulation_of_our_dit():
    torch.manual_seed(0)
    modulation = Modulation(8, 3)
    torch.nn.init.normal_(modulation.linear.weight)
    x, condition = torch.randn(2, 5, 8), torch.randn(2, 8)
    shift, scale, gate = modulation(condition)
    expected = x + gate * modulate(x, shift, scale).square()
    linear = modulation.linear
    yours = adaln_zero(x, condition, linear.weight, linear.bias, torch.square)
    torch.testing.assert_close(yours, expected)
