import pytest
import torch
import torch.nn.functional as F

from gpt.model.fast.activations import fast_gelu, fast_squared_relu
from gpt.model.feed_forward import gelu, squared_relu


@pytest.mark.parametrize(("fast", "plain"), [(fast_gelu, gelu), (fast_squared_relu, squared_relu)])
def test_a_fast_activation_has_the_values_and_derivatives_of_the_equation(fast, plain):
    x = torch.linspace(-30, 30, 601, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-12, atol=1e-12)
    (slope,), (expected,) = (torch.autograd.grad(f(x), x, upstream) for f in (fast, plain))
    torch.testing.assert_close(slope, expected, rtol=1e-10, atol=1e-12)


def test_gelu_uses_its_own_gradient_in_training_only():
    x = torch.randn(5)
    torch.testing.assert_close(fast_gelu(x), F.gelu(x, approximate="tanh"), rtol=0, atol=0)
    assert fast_gelu(x.requires_grad_()).grad_fn.name() == "FastGELUBackward"


def test_gelu_of_large_numbers_has_derivatives_zero_and_one_in_half_formats():
    x = torch.tensor([-100.0, 100.0], dtype=torch.float16, requires_grad=True)
    fast_gelu(x).sum().backward()
    assert x.grad.tolist() == [0, 1]


def test_without_gradients_the_squared_relu_leaves_its_input_as_it_was():
    x = torch.linspace(-3, 3, 13)
    before = x.clone()
    torch.testing.assert_close(fast_squared_relu(x), squared_relu(x), rtol=0, atol=0)
    assert torch.equal(x, before)
