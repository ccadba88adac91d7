import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gpt.model.layers import (
    Dropout,
    FeedForward,
    LayerNorm,
    TokenEmbedding,
    batch_norm,
    dropout,
    gelu,
    layer_norm,
)


def test_layer_norm_of_six_numbers_by_hand():
    # mean .36, variance .2649, deviation .5147
    row = torch.tensor([0.66, -0.49, 0.97, 0.47, -0.16, 0.71])
    expected = torch.tensor([0.583, -1.651, 1.185, 0.214, -1.010, 0.680])
    out = layer_norm(row, torch.ones(6), torch.zeros(6))
    torch.testing.assert_close(out, expected, atol=6e-4, rtol=0)


def test_layer_norm_agrees_with_torch_in_value_and_gradient():
    x, gain, bias, upstream = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((3, 5, 8), (8,), (8,), (3, 5, 8))
    )
    module = LayerNorm(8).double()
    module.gain.data, module.bias.data = gain.data, bias.data
    ours, library = layer_norm(x, gain, bias), F.layer_norm(x, (8,), gain, bias)
    torch.testing.assert_close(ours, library, rtol=0, atol=1e-12)
    torch.testing.assert_close(module(x), library, rtol=0, atol=0)
    for a, b in zip(
        torch.autograd.grad(ours, (x, gain, bias), upstream),
        torch.autograd.grad(library, (x, gain, bias), upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


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


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    out = dropout(torch.ones(100_000), 0.3, torch.Generator().manual_seed(0))
    assert out.unique().tolist() == [0, pytest.approx(1 / 0.7)]
    # three standard errors of a share over 100,000 draws: 3 sqrt(.3 * .7 / 100000) = .0043
    assert (out == 0).float().mean() == pytest.approx(0.3, abs=0.0044)
    assert out.mean() == pytest.approx(1, abs=0.0044 / 0.7)


def test_dropout_acts_in_training_only():
    layer, x = Dropout(0.5), torch.ones(1000)
    assert (layer(x) == 0).any()
    torch.testing.assert_close(layer.eval()(x), x)


def test_gelu_at_the_published_points():
    x = torch.tensor([-2, -1, -0.5, 0.5, 1, 2])
    expected = torch.tensor([-0.0454, -0.1588, -0.1543, 0.3457, 0.8412, 1.9546])
    torch.testing.assert_close(gelu(x), expected, atol=5e-5, rtol=0)
    torch.testing.assert_close(gelu(x), F.gelu(x, approximate="tanh"))


def test_the_feed_forward_layer_is_widen_gelu_narrow():
    layer, x = FeedForward(8, 32), torch.randn(2, 3, 8)
    by_hand = gelu(x @ layer.widen.weight.T + layer.widen.bias) @ layer.narrow.weight.T
    torch.testing.assert_close(layer(x), by_hand + layer.narrow.bias)


def test_the_feed_forward_layer_of_the_reference_shape_has_525_568_numbers():
    assert sum(p.numel() for p in FeedForward(256, 1024).parameters()) == 525_568


def test_the_embedding_agrees_with_torch_and_scales_on_the_way_in_only():
    library = nn.Embedding(10, 4)
    ours = TokenEmbedding(10, 4, scale=math.sqrt(4))
    ours.weight.data = library.weight.data
    tokens, x = torch.tensor([[1, 9, 1]]), torch.randn(1, 3, 4)
    torch.testing.assert_close(ours(tokens), 2 * library(tokens))
    torch.testing.assert_close(ours.logits(x), x @ library.weight.T)
