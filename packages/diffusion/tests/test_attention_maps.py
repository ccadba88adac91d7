"""Attention maps of words over the patches of an image."""

import pytest
import torch
from einops import rearrange, repeat

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.model.attention_maps import cross_attention_weights, word_maps
from diffusion.model.dit import DiTConfig
from diffusion.model.flow_model import FlowModelConfig
from gpt.errors import BadInput

CAPTIONS = torch.tensor([[1, 3, 5, 9, 0, 0], [1, 4, 9, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
SHAPE = DiTConfig(n_layers=2, n_heads=2, d_model=16, d_ff=32, cross_attention=True, qk_norm=True)


def random_model(network=SHAPE):
    """Return a model with captions in which no weight is 0."""
    captions = CLIPConfig(10, 6, d_embedding=8, caption_tower=TowerConfig(8, 1, 2))
    model = FlowModelConfig(network, condition="text", captions=captions).build().eval()
    for parameter in model.parameters():
        parameter.data = 0.3 * torch.randn_like(parameter)
    return model


X, T = torch.randn(3, 1, 8, 8), torch.rand(3)


@torch.no_grad()
def test_weights_and_values_give_the_output_of_every_cross_attention():
    model, seen = random_model(), []
    for block in model.network.blocks:
        block.cross_attention.register_forward_hook(
            lambda layer, inputs, output: seen.append((layer, inputs, output))
        )
    weights = cross_attention_weights(model, X, T, CAPTIONS)
    seen.clear()
    model(X, T, CAPTIONS)
    for each, (layer, (x, words, _), output) in zip(weights, seen, strict=True):
        mixed = each @ layer.project(x, words)[2]
        mixed = layer.output(rearrange(mixed, "B H N K -> B N (H K)"))
        torch.testing.assert_close(mixed, output, atol=1e-5, rtol=1e-5)


def test_the_weights_of_a_patch_sum_to_1_and_padding_has_none():
    weights = cross_attention_weights(random_model(), X, T, CAPTIONS)
    assert weights.shape == (2, 3, 2, 16, 6)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 3, 2, 16))
    is_kept = repeat(CAPTIONS > 0, "B T -> L B H N T", L=2, H=2, N=16)[:, :2]
    assert torch.equal(weights[:, :2] > 0, is_kept)
    assert (weights[:, 2] > 0).all()  # the null caption has learned words and no padding


def test_maps_are_means_over_blocks_and_heads_in_the_order_of_the_patches():
    model = random_model()
    maps = word_maps(model, X, T, CAPTIONS)
    weights = cross_attention_weights(model, X, T, CAPTIONS)
    assert maps.shape == (3, 6, 4, 4)
    # patch 6 is in the second row and the third column
    torch.testing.assert_close(maps[:, :, 1, 2], weights[:, :, :, 6].mean(dim=(0, 2)))


def test_a_network_without_cross_attention_is_refused():
    with pytest.raises(BadInput, match="a DiT with cross-attention"):
        word_maps(random_model(DiTConfig(n_layers=1, d_model=16, d_ff=32)), X, T, CAPTIONS)
