"""The block of a decoder that also reads a source: self-attention, cross-attention, feed-forward.

Vaswani et al. 2017, section 3.1: the block of `model/blocks.py` with a third layer in the middle.
The original normalises after each layer (post-norm); T5 and most later models do so before.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.architectures.cross_attention import CrossAttention, SourceKeys
from gpt.model.cache import LayerCache
from gpt.model.config import GPTConfig
from gpt.model.dropout import Dropout
from gpt.model.feed_forward import make_feed_forward
from gpt.model.heads import MultiHeadAttention
from gpt.model.norms import NORMS


class DecoderBlock(nn.Module):
    """The parts of a block, which both kinds have in common."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        d_model, n_heads, d_head = config.d_model, config.n_heads, config.d_head
        norm, bias = NORMS[config.norm_kind], config.attention_bias
        self.attention = MultiHeadAttention(d_model, n_heads, config.kv_heads, d_head, bias)
        self.cross_attention = CrossAttention(d_model, n_heads, d_head, bias)
        self.mlp = make_feed_forward(config.feed_forward, d_model, config.d_ff, config.ff_bias)
        self.attention_norm = norm(d_model, config.norm_eps)
        self.cross_attention_norm = norm(d_model, config.norm_eps)
        self.mlp_norm = norm(d_model, config.norm_eps)
        self.dropout = Dropout(config.dropout)


class PreNormDecoderBlock(DecoderBlock):
    """x + layer(norm(x)) for each of the three layers."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        source: SourceKeys,
        source_mask: Bool[Tensor, "#B 1 1 S"] | None = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Add what the past, the source and the feed-forward layer contribute."""
        x = x + self.dropout(self.attention(self.attention_norm(x), cache=cache))  # causal
        x = x + self.dropout(
            self.cross_attention(self.cross_attention_norm(x), source, source_mask)
        )
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class PostNormDecoderBlock(DecoderBlock):
    """norm(x + layer(x)) for each of the three layers."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        source: SourceKeys,
        source_mask: Bool[Tensor, "#B 1 1 S"] | None = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Add what the three layers contribute, normalising each sum."""
        x = self.attention_norm(x + self.dropout(self.attention(x, cache=cache)))  # causal
        x = self.cross_attention_norm(
            x + self.dropout(self.cross_attention(x, source, source_mask))
        )
        return self.mlp_norm(x + self.dropout(self.mlp(x)))
