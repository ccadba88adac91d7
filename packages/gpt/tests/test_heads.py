import torch

from gpt.model.attention import causal_mask
from gpt.model.heads import FusedHeads, SeparateHeads
from gpt.model.positions import NoRotation, Rotary


def test_fused_and_separate_heads_with_the_same_weights_agree():
    fused, separate = FusedHeads(12, 3, True, NoRotation()), SeparateHeads(12, 3, True)
    q, k, v = fused.qkv.weight.data.view(3, 3, 4, 12)  # (of q, k, v) (head) (width of head) (in)
    biases = fused.qkv.bias.data.view(3, 3, 4)
    for head in range(3):
        for side, weights, bias in (
            (separate.queries, q, biases[0]),
            (separate.keys, k, biases[1]),
            (separate.values, v, biases[2]),
        ):
            side[head].weight.data, side[head].bias.data = weights[head], bias[head]
    separate.output.load_state_dict(fused.output.state_dict())
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(fused(x), separate(x))


def test_the_fused_heads_agree_with_torch():
    ours = FusedHeads(12, 3, True, NoRotation())
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
    heads, x = FusedHeads(8, 2, False, Rotary(4)), torch.randn(1, 4, 8)
    everything = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    assert not torch.allclose(heads(x), heads(x, everything))
    torch.testing.assert_close(heads(x), heads(x, causal_mask(4, 4)[None, None]))
