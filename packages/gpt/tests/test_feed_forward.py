import pytest
import torch
import torch.nn.functional as F

from gpt.model.feed_forward import (
    FEED_FORWARDS,
    fast_gelu,
    fast_squared_relu,
    gelu,
    relu,
    silu,
    squared_relu,
)


def test_gelu_at_the_published_points():
    x = torch.tensor([-2, -1, -0.5, 0.5, 1, 2])
    expected = torch.tensor([-0.0454, -0.1588, -0.1543, 0.3457, 0.8412, 1.9546])
    torch.testing.assert_close(gelu(x), expected, atol=5e-5, rtol=0)
    torch.testing.assert_close(gelu(x), F.gelu(x, approximate="tanh"))


def test_the_feed_forward_layer_is_widen_gelu_narrow():
    layer, x = FEED_FORWARDS["gelu"](8, 32, True), torch.randn(2, 3, 8)
    by_hand = gelu(x @ layer.widen.weight.T + layer.widen.bias) @ layer.narrow.weight.T
    torch.testing.assert_close(layer(x), by_hand + layer.narrow.bias)


@pytest.mark.parametrize(
    ("kind", "d_ff", "bias", "count"),
    [("gelu", 1024, True, 525_568), ("swiglu", 682, False, 523_776)],
)
def test_the_reference_shapes_have_nearly_the_same_count(kind, d_ff, bias, count):
    layer = FEED_FORWARDS[kind](256, d_ff, bias)
    assert sum(parameter.numel() for parameter in layer.parameters()) == count


def test_relu_silu_and_squared_relu_by_hand():
    x = torch.tensor([-2.0, 0.0, 3.0])
    assert relu(x).tolist() == [0, 0, 3]
    assert squared_relu(x).tolist() == [0, 0, 9]
    # sigmoid(-2) = .1192, sigmoid(3) = .9526
    torch.testing.assert_close(silu(x), torch.tensor([-0.2384, 0, 2.8577]), atol=5e-5, rtol=0)
    torch.testing.assert_close(silu(x), F.silu(x))
    torch.testing.assert_close(relu(x), F.relu(x))


@pytest.mark.parametrize("kind", ["swiglu", "geglu", "reglu"])
def test_a_gated_layer_is_its_equation(kind):
    bend = {"swiglu": silu, "geglu": gelu, "reglu": relu}[kind]
    layer, x = FEED_FORWARDS[kind](8, 12, True), torch.randn(2, 3, 8)
    gate = x @ layer.gate.weight.T + layer.gate.bias
    up = x @ layer.up.weight.T + layer.up.bias
    torch.testing.assert_close(layer(x), F.linear(bend(gate) * up, *layer.narrow.parameters()))


@pytest.mark.parametrize(
    ("kind", "bend"),
    [("relu", F.relu), ("relu2", squared_relu), ("silu", F.silu), ("gelu-erf", F.gelu)],
)
def test_a_plain_layer_bends_by_its_name(kind, bend):
    layer, x = FEED_FORWARDS[kind](8, 12, False), torch.randn(2, 3, 8)
    expected = bend(x @ layer.widen.weight.T) @ layer.narrow.weight.T
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(
    ("quick", "by_hand"), [(fast_gelu, gelu), (fast_squared_relu, squared_relu)]
)
def test_a_quick_bend_and_its_slope_are_those_of_the_equation(quick, by_hand):
    x = torch.linspace(-30, 30, 601, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)
    torch.testing.assert_close(quick(x), by_hand(x), rtol=1e-12, atol=1e-12)
    (slope,), (expected,) = (torch.autograd.grad(f(x), x, upstream) for f in (quick, by_hand))
    torch.testing.assert_close(slope, expected, rtol=1e-10, atol=1e-12)


def test_gelu_has_its_own_way_for_learning_alone():
    x = torch.randn(5)
    torch.testing.assert_close(fast_gelu(x), F.gelu(x, approximate="tanh"), rtol=0, atol=0)
    assert fast_gelu(x.requires_grad_()).grad_fn.name() == "FastGELUBackward"


def test_gelu_far_out_has_the_slopes_zero_and_one_in_half_formats():
    x = torch.tensor([-100.0, 100.0], dtype=torch.float16, requires_grad=True)
    fast_gelu(x).sum().backward()
    assert x.grad.tolist() == [0, 1]
