import pytest
import torch
import torch.nn.functional as F

from gpt.model.feed_forward import gelu, make_feed_forward, relu, silu, squared_relu


def test_gelu_at_the_published_points():
    x = torch.tensor([-2, -1, -0.5, 0.5, 1, 2])
    expected = torch.tensor([-0.0454, -0.1588, -0.1543, 0.3457, 0.8412, 1.9546])
    torch.testing.assert_close(gelu(x), expected, atol=5e-5, rtol=0)
    torch.testing.assert_close(gelu(x), F.gelu(x, approximate="tanh"))


def test_the_feed_forward_layer_is_widen_gelu_narrow():
    layer, x = make_feed_forward("gelu", 8, 32, True), torch.randn(2, 3, 8)
    by_hand = gelu(x @ layer.widen.weight.T + layer.widen.bias) @ layer.narrow.weight.T
    torch.testing.assert_close(layer(x), by_hand + layer.narrow.bias)


@pytest.mark.parametrize(
    ("kind", "d_ff", "bias", "count"),
    [("gelu", 1024, True, 525_568), ("swiglu", 682, False, 523_776)],
)
def test_the_reference_shapes_have_nearly_the_same_count(kind, d_ff, bias, count):
    layer = make_feed_forward(kind, 256, d_ff, bias)
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
    activation = {"swiglu": silu, "geglu": gelu, "reglu": relu}[kind]
    layer, x = make_feed_forward(kind, 8, 12, True), torch.randn(2, 3, 8)
    gate = x @ layer.gate.weight.T + layer.gate.bias
    up = x @ layer.up.weight.T + layer.up.bias
    torch.testing.assert_close(
        layer(x), F.linear(activation(gate) * up, *layer.narrow.parameters())
    )


@pytest.mark.parametrize(
    ("kind", "activation"),
    [("relu", F.relu), ("relu2", squared_relu), ("silu", F.silu), ("gelu-erf", F.gelu)],
)
def test_a_plain_layer_has_the_activation_of_its_name(kind, activation):
    layer, x = make_feed_forward(kind, 8, 12, False), torch.randn(2, 3, 8)
    expected = activation(x @ layer.widen.weight.T) @ layer.narrow.weight.T
    torch.testing.assert_close(layer(x), expected)
