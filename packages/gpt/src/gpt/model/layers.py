r"""The embedding table, and dropout.

Each equation is a function; the module beside it owns the weights.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class TokenEmbedding(nn.Module):
    """A table with a row of width D for each token.

    `scale` multiplies the rows: sqrt(D) in Vaswani et al. 2017, section 3.4, and 1 in GPT-2.
    """

    def __init__(self, vocab_size: int, d_model: int, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, d_model))
        self.scale = scale

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """The rows of the tokens."""
        rows = F.embedding(tokens, self.weight)
        return rows if self.scale == 1 else rows * self.scale


def dropout(
    x: Float[Tensor, "*B"], p: float, generator: torch.Generator | None = None
) -> Float[Tensor, "*B"]:
    r"""Zero each number with probability p and scale the others, so that the mean stays.

    y = x m / (1 - p), m = 1 with probability 1 - p    (Srivastava et al. 2014; scaled in training)
    """
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= p
    return x * kept / (1 - p)


class Dropout(nn.Module):
    """`dropout` while training, nothing afterwards."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """The numbers, thinned in training."""
        return dropout(x, self.p) if self.training and self.p > 0 else x
