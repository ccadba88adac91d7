"""One layer of the model: attention across positions, then feed-forward at each, both added to x.

The two blocks differ in where they normalise. Post-norm is the original (Vaswani et al. 2017,
section 3.1). Pre-norm leaves the path from the last layer to the first free of norms, so that
gradients arrive there unweakened; Xiong et al. 2020 find that it then trains without warm-up.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.layers import Dropout, LayerNorm


class PreNormBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(
        self, attention: nn.Module, mlp: nn.Module, d_model: int, p_dropout: float
    ) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = LayerNorm(d_model), LayerNorm(d_model)
        self.attention, self.mlp, self.dropout = attention, mlp, Dropout(p_dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "#B #H #T T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """The rows, one layer further."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class PostNormBlock(nn.Module):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(
        self, attention: nn.Module, mlp: nn.Module, d_model: int, p_dropout: float
    ) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = LayerNorm(d_model), LayerNorm(d_model)
        self.attention, self.mlp, self.dropout = attention, mlp, Dropout(p_dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "#B #H #T T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """The rows, one layer further."""
        x = self.attention_norm(x + self.dropout(self.attention(x, mask)))
        return self.mlp_norm(x + self.dropout(self.mlp(x)))
