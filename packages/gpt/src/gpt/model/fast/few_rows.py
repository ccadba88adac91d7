"""Matrix products with few rows, as when one token is generated at a time on a CPU.

The time of such a product is the time it takes to read the weights. The kernel for one large
product first copies them into another order; a batch of small products reads them where they are.
"""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.device import is_eager_cpu

FEW_ROWS = 16
MANY_WEIGHTS = 2**17  # half a megabyte; fewer stay in the processor's cache
SMALLEST_BLOCK, LARGEST_BLOCK = 8, 64


def is_faster_by_few_rows(x: Float[Tensor, "*B D"], weight: Float[Tensor, "N D"]) -> bool:
    """Whether `linear_few_rows` is faster than `F.linear`: generation in fp32 on a CPU."""
    return (
        weight.numel() >= MANY_WEIGHTS
        and x.numel() <= FEW_ROWS * x.shape[-1]
        and not torch.is_grad_enabled()
        and weight.dtype == torch.float32
        and is_eager_cpu(weight)
        and output_block_size(len(weight)) >= SMALLEST_BLOCK
    )


def linear_few_rows(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, "N D"], bias: Float[Tensor, " N"] | None
) -> Float[Tensor, "*B N"]:
    """Compute x W^T + b as one batch of small products, each with a block of rows of W."""
    n_outputs, d = weight.shape
    rows, blocks = x.reshape(-1, d), weight.view(-1, output_block_size(n_outputs), d)
    products = torch.bmm(rows.expand(len(blocks), *rows.shape), blocks.mT)  # block, row, output
    y = products.transpose(0, 1).reshape(*x.shape[:-1], n_outputs)
    return y if bias is None else y + bias


@lru_cache
def output_block_size(n_outputs: int) -> int:
    """Return the largest size, up to LARGEST_BLOCK, of equal blocks of the outputs."""
    return max(size for size in range(1, LARGEST_BLOCK + 1) if n_outputs % size == 0)
