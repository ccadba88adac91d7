"""Token embedding: one learned vector of width D for each token of the vocabulary."""

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
        """Look up the row of each token."""
        rows = F.embedding(tokens, self.weight)
        return rows if self.scale == 1 else rows * self.scale
