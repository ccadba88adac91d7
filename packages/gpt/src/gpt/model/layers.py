r"""The linear layer, the embedding table, and dropout.

Each equation is a function; the module beside it owns the weights.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.device import is_eager_cpu

FEW_ROWS = 16
MANY_WEIGHTS = 2**17  # half a megabyte; fewer stay in the processor's cache
SMALLEST_BLOCK, LARGEST_BLOCK = 8, 64


def linear(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, "N D"], bias: Float[Tensor, " N"] | None = None
) -> Float[Tensor, "*B N"]:
    """The product x W^T + b; writing on a CPU, where x has few rows, has a way of its own."""
    if (
        weight.numel() >= MANY_WEIGHTS
        and x.numel() <= FEW_ROWS * x.shape[-1]
        and not torch.is_grad_enabled()
        and weight.dtype == torch.float32
        and is_eager_cpu(weight)
        and output_block_size(len(weight)) >= SMALLEST_BLOCK
    ):
        return linear_few_rows(x, weight, bias)
    return F.linear(x, weight, bias)


def linear_few_rows(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, "N D"], bias: Float[Tensor, " N"] | None
) -> Float[Tensor, "*B N"]:
    """The same as one batch of small products, each with a block of the rows of W.

    Here time is what it takes to read W. The kernel for one large product copies W into another
    order first; small blocks it leaves where they are.
    """
    n_outputs, d = weight.shape
    rows, blocks = x.reshape(-1, d), weight.view(-1, output_block_size(n_outputs), d)
    parts = torch.bmm(rows.expand(len(blocks), *rows.shape), blocks.mT)  # block, row, output
    y = parts.transpose(0, 1).reshape(*x.shape[:-1], n_outputs)
    return y if bias is None else y + bias


@lru_cache
def output_block_size(n_outputs: int) -> int:
    """The most outputs, up to LARGEST_BLOCK, that blocks of equal size can have."""
    return max(size for size in range(1, LARGEST_BLOCK + 1) if n_outputs % size == 0)


class Linear(nn.Linear):
    """`linear` with its weights."""

    def forward(self, input: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        """The rows, projected."""
        return linear(input, self.weight, self.bias)


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
