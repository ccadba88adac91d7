"""One block of the model: attention mixes positions, then the feed-forward layer works at each.

Both add their output to the residual stream x. The two kinds of block differ in where they
normalise. Post-norm is the original (Vaswani et al. 2017, section 3.1). Pre-norm (GPT-2) leaves the
residual stream free of norms from the first block to the last, so that gradients reach the first
block undiminished; Xiong et al. 2020 find that it then trains without warm-up.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from gpt.model.attention import AttentionMask
from gpt.model.cache import LayerCache
from gpt.model.dropout import Dropout


class Block(nn.Module):
    """The parts of a block, which both kinds have in common."""

    def __init__(
        self,
        attention: nn.Module,
        mlp: nn.Module,
        attention_norm: nn.Module,
        mlp_norm: nn.Module,
        p_dropout: float,
    ) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = attention_norm, mlp_norm
        self.attention, self.mlp = attention, mlp
        self.dropout = Dropout(p_dropout)


class PreNormBlock(Block):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        rotate: Callable[[Tensor], Tensor] | None = None,
        mask: AttentionMask = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Add the outputs of attention and feed-forward layer to the residual stream."""
        x = x + self.dropout(self.attention(self.attention_norm(x), rotate, mask, cache))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class PostNormBlock(Block):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        rotate: Callable[[Tensor], Tensor] | None = None,
        mask: AttentionMask = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Add the outputs of attention and feed-forward layer, normalising each sum."""
        x = self.attention_norm(x + self.dropout(self.attention(x, rotate, mask, cache)))
        return self.mlp_norm(x + self.dropout(self.mlp(x)))
