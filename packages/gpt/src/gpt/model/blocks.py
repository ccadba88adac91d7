"""One layer of the model: attention across positions, then feed-forward at each, both added to x.

The two blocks differ in where they normalise. Post-norm is the original (Vaswani et al. 2017,
section 3.1). Pre-norm leaves the path from the last layer to the first free of norms, so that
gradients arrive there unweakened; Xiong et al. 2020 find that it then trains without warm-up.
"""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.cache import LayerCache
from gpt.model.fast.packing import Packing
from gpt.model.layers import dropout
from gpt.model.rotary import identity_rotation


class Block(nn.Module):
    """What both have: two halves, a norm for each, and the sum that each half adds to."""

    def __init__(
        self,
        attention: nn.Module,
        mlp: nn.Module,
        norm: Callable[[], nn.Module],
        p_dropout: float,
    ) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = norm(), norm()
        self.attention, self.mlp, self.p_dropout = attention, mlp, p_dropout

    def add(self, x: Float[Tensor, "B T D"], update: Float[Tensor, "B T D"]) -> Tensor:
        """The stream plus what a half writes, thinned by dropout in training."""
        if self.training and self.p_dropout > 0:
            update = dropout(update, self.p_dropout)
        return x + update


class PreNormBlock(Block):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Callable[[Tensor], Tensor] = identity_rotation,
        mask: Bool[Tensor, "#B #H #T S"] | Float[Tensor, "#B #H #T S"] | Packing | None = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The rows, one layer further."""
        x = self.add(x, self.attention(self.attention_norm(x), turn, mask, cache))
        return self.add(x, self.mlp(self.mlp_norm(x)))


class PostNormBlock(Block):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Callable[[Tensor], Tensor] = identity_rotation,
        mask: Bool[Tensor, "#B #H #T S"] | Float[Tensor, "#B #H #T S"] | Packing | None = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The rows, one layer further."""
        x = self.attention_norm(self.add(x, self.attention(x, turn, mask, cache)))
        return self.mlp_norm(self.add(x, self.mlp(x)))
