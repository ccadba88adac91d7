import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gpt.model.norms import NORMS, batch_norm, layer_norm, rms_norm


def test_layer_norm_of_six_numbers_by_hand():
    # mean .36, variance .2649, deviation .5147
    row = torch.tensor([0.66, -0.49, 0.97, 0.47, -0.16, 0.71])
    expected = torch.tensor([0.583, -1.651, 1.185, 0.214, -1.010, 0.680])
    out = layer_norm(row, torch.ones(6), torch.zeros(6))
    torch.testing.assert_close(out, expected, atol=6e-4, rtol=0)


def test_rms_norm_of_two_numbers_by_hand():
    # the mean square of 3 and 4 is 12.5
    out = rms_norm(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 10.0]), eps=0.0)
    torch.testing.assert_close(out, torch.tensor([3.0, 40.0]) / 12.5**0.5)


@pytest.mark.parametrize("eps", [1e-5, 0.5])
@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_function_and_kernel_agree_in_value_and_gradient(kind, eps):
    x, upstream = torch.randn(2, 3, 5, 8, dtype=torch.float64)
    x.requires_grad_()
    module = NORMS[kind](8, eps).double()
    weights = list(module.parameters())
    for weight in weights:
        nn.init.normal_(weight)
    function = {"layer": layer_norm, "rms": rms_norm}[kind](x, *weights, eps=eps)
    kernel = module(x)
    torch.testing.assert_close(function, kernel, rtol=0, atol=1e-12)
    for a, b in zip(
        torch.autograd.grad(function, (x, *weights), upstream),
        torch.autograd.grad(kernel, (x, *weights), upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_layer_norm_is_rms_norm_of_the_centred_row():
    x, gain = torch.randn(4, 8), torch.randn(8)
    centred = x - x.mean(dim=-1, keepdim=True)
    torch.testing.assert_close(layer_norm(x, gain, torch.zeros(8)), rms_norm(centred, gain))


def test_batch_norm_agrees_with_torch():
    x, gain, bias = torch.randn(6, 4), torch.randn(4), torch.randn(4)
    library = F.batch_norm(x, None, None, gain, bias, training=True)
    torch.testing.assert_close(batch_norm(x, gain, bias), library)


def test_layer_norm_ignores_the_neighbours_in_the_batch_and_batch_norm_does_not():
    x, other = torch.randn(6, 4), torch.randn(6, 4)
    other[0] = x[0]
    ones, zeros = torch.ones(4), torch.zeros(4)
    torch.testing.assert_close(layer_norm(x, ones, zeros)[0], layer_norm(other, ones, zeros)[0])
    assert not torch.allclose(batch_norm(x, ones, zeros)[0], batch_norm(other, ones, zeros)[0])
