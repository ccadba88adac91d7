import pytest
import torch

from gpt.model.attention import causal_mask
from gpt.model.heads import MultiHeadAttention, PerHeadAttention
from gpt.model.rotary import Rotary


def separated(fused, d_model):
    """Copy the weights head by head: rows of all queries, then of all keys, then of all values."""
    separate = PerHeadAttention(d_model, fused.n_heads, fused.n_kv_heads, bias=True)
    projections = [*separate.queries, *separate.keys, *separate.values]
    weights, biases = (p.data.split(fused.d_head) for p in fused.qkv.parameters())
    for projection, weight, bias in zip(projections, weights, biases, strict=True):
        projection.weight.data, projection.bias.data = weight, bias
    separate.output.load_state_dict(fused.output.state_dict())
    return separate


@pytest.mark.parametrize("n_kv_heads", [6, 3, 2, 1])
def test_fused_and_separate_heads_with_the_same_weights_agree(n_kv_heads):
    fused = MultiHeadAttention(24, 6, n_kv_heads, 4, bias=True)
    x = torch.randn(2, 5, 24)
    torch.testing.assert_close(fused(x), separated(fused, 24)(x))


def test_as_many_groups_as_heads_are_plain_heads():
    """Heads whose keys and values are equal within a group are the same as one key-value head."""
    grouped, plain = (
        MultiHeadAttention(12, 4, 2, 3, bias=False),
        MultiHeadAttention(12, 4, 4, 3, bias=False),
    )
    q, k, v = grouped.qkv.weight.data.view(8, 3, 12).split([4, 2, 2])
    everyone = torch.cat([q, k.repeat_interleave(2, dim=0), v.repeat_interleave(2, dim=0)])
    plain.qkv.weight.data = everyone.reshape(36, 12)
    plain.output.load_state_dict(grouped.output.state_dict())
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(grouped(x), plain(x))


def test_the_fused_heads_agree_with_torch():
    ours = MultiHeadAttention(12, 3, 3, 4, bias=True)
    library = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    library.in_proj_weight.data, library.in_proj_bias.data = (
        ours.qkv.weight.data,
        ours.qkv.bias.data,
    )
    library.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.randn(2, 5, 12)
    expected, _ = library(x, x, x, attn_mask=~causal_mask(5, 5))  # torch's masks are True to hide
    torch.testing.assert_close(ours(x), expected)


def test_a_mask_replaces_the_causal_one():
    heads, x = MultiHeadAttention(8, 2, 2, 4, bias=False), torch.randn(1, 4, 8)
    everything = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    assert not torch.allclose(heads(x), heads(x, mask=everything))
    torch.testing.assert_close(heads(x), heads(x, mask=causal_mask(4, 4)[None, None]))


def test_queries_and_keys_are_rotated_and_values_are_not():
    heads, x = MultiHeadAttention(8, 2, 1, 4, bias=False), torch.randn(1, 1, 8)
    rotate = Rotary(4)(slice(7, 8), x)
    torch.testing.assert_close(heads(x, rotate), heads(x))  # alone, a token gets its own value
    x = torch.randn(1, 3, 8)
    assert not torch.allclose(heads(x, Rotary(4)(slice(0, 3), x)), heads(x))
