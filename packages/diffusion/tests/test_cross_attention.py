"""Cross-attention from patches to words."""

import torch
from einops import rearrange

from diffusion.model.cross_attention import CrossAttention
from gpt.model.attention import attention


def random_layer():
    layer = CrossAttention(16, 2)
    for parameter in layer.parameters():
        parameter.data = 0.3 * torch.randn_like(parameter)
    return layer


def test_the_output_is_0_at_first():
    x, words = torch.randn(2, 9, 16), torch.randn(2, 5, 16)
    assert torch.equal(CrossAttention(16, 2)(x, words), torch.zeros_like(x))


def test_it_is_the_attention_of_gpt_with_queries_from_the_patches():
    layer, x, words = random_layer(), torch.randn(2, 9, 16), torch.randn(2, 5, 16)
    mask = torch.arange(5) < torch.tensor([5, 2])[:, None, None, None]
    keys, values = layer.keys_and_values(words).chunk(2, dim=-1)
    q, k, v = (
        rearrange(each, "B N (H K) -> B H N K", H=2)
        for each in (layer.queries(layer.norm(x)), keys, values)
    )
    mixed = rearrange(attention(q, k, v, mask), "B H N K -> B N (H K)")
    torch.testing.assert_close(layer(x, words, mask), layer.output(mixed), atol=1e-6, rtol=1e-5)


def test_masked_words_have_no_effect():
    layer, x, words = random_layer(), torch.randn(2, 9, 16), torch.randn(2, 5, 16)
    mask = (torch.arange(5) < 3).expand(2, 1, 1, 5)
    before = layer(x, words, mask)
    words[:, 3:] = 100.0
    assert torch.equal(layer(x, words, mask), before)
    words[:, 2] = 100.0
    assert not torch.isclose(layer(x, words, mask), before).any()
