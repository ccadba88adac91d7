import pytest
import torch
from torch import nn

from gpt.model.blocks import PostNormBlock, PreNormBlock
from gpt.model.feed_forward import make_feed_forward
from gpt.model.heads import MultiHeadAttention
from gpt.model.norms import LayerNorm


def make(block, d_model=8, n_heads=2, bias=True):
    heads = MultiHeadAttention(d_model, n_heads, n_heads, d_model // n_heads, bias)
    mlp = make_feed_forward("gelu", d_model, 2 * d_model, True)
    return block(heads, mlp, LayerNorm(d_model), LayerNorm(d_model), 0.0)


@pytest.mark.parametrize(("block", "norm_first"), [(PreNormBlock, True), (PostNormBlock, False)])
def test_the_block_agrees_with_torch(block, norm_first):
    ours = make(block)
    library = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0, batch_first=True, norm_first=norm_first,
        activation=nn.GELU(approximate="tanh"),
    )  # fmt: skip
    library.self_attn.in_proj_weight.data = ours.attention.qkv.weight.data
    library.self_attn.in_proj_bias.data = ours.attention.qkv.bias.data
    library.self_attn.out_proj.load_state_dict(ours.attention.output.state_dict())
    library.linear1.load_state_dict(ours.mlp.widen.state_dict())
    library.linear2.load_state_dict(ours.mlp.narrow.state_dict())
    for theirs, norm in ((library.norm1, ours.attention_norm), (library.norm2, ours.mlp_norm)):
        nn.init.normal_(norm.gain), nn.init.normal_(norm.bias)
        theirs.weight.data, theirs.bias.data = norm.gain.data, norm.bias.data
    x = torch.randn(2, 5, 8)
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    torch.testing.assert_close(ours(x), library(x, src_mask=causal))


def test_a_pre_norm_block_whose_layers_add_nothing_is_the_identity():
    block = make(PreNormBlock)
    for layer in (block.attention.output, block.mlp.narrow):
        nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    x = torch.randn(1, 3, 8)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize("seed", range(3))
def test_a_deep_pre_norm_stack_keeps_the_gradient_and_a_post_norm_stack_weakens_it(seed):
    """Use 24 blocks whose layers add about as much as they read, as after some training."""
    gains = {}
    for kind in (PreNormBlock, PostNormBlock):
        torch.manual_seed(seed)
        blocks = [make(kind, 32, 4, bias=False) for _ in range(24)]
        for parameter in nn.ModuleList(blocks).parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        x = torch.randn(4, 16, 32, requires_grad=True)
        y = nn.Sequential(*blocks)(x)
        upstream = torch.randn_like(y)
        (gradient,) = torch.autograd.grad(y, x, upstream)
        gains[kind] = (gradient.norm() / upstream.norm()).item()
    assert gains[PreNormBlock] > 2  # measured: 5.2 to 7.1; the residual stream alone carries 1
    assert gains[PostNormBlock] < gains[PreNormBlock] / 3  # measured: .3 to 1.3


def test_the_output_of_a_post_norm_block_is_normalised():
    out = make(PostNormBlock)(100 * torch.randn(1, 3, 8))
    torch.testing.assert_close(out.mean(dim=-1), torch.zeros(1, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(out.var(dim=-1, unbiased=False), torch.ones(1, 3), atol=1e-3, rtol=0)
