r"""Attention in tiles: the softmax is computed online, so the matrix of scores is never whole.

Milakov and Gimelshein 2018, "Online normalizer calculation for softmax", algorithm 3, for the
softmax; Dao et al. 2022, "FlashAttention", algorithms 1 and 4, for attention and its backward pass.
The outer loop is over queries, as in FlashAttention-2 (Dao 2023). `fused_attention` is the same
algorithm in one kernel. Loops in Python show what must be held in memory, not how fast it can be.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from gpt.errors import BadInput


class OnlineSoftmax(NamedTuple):
    """Attention of some queries to the keys read so far, before the division."""

    maximum: Float[Tensor, "B H T 1"]
    """m: the largest score."""
    total: Float[Tensor, "B H T 1"]
    """l: sum of exp(score - m)."""
    mixed: Float[Tensor, "B H T K"]
    """o: sum of exp(score - m) v."""


def add_tile(
    past: OnlineSoftmax, scores: Float[Tensor, "B H T S"], v: Float[Tensor, "B H S K"]
) -> OnlineSoftmax:
    r"""Add the keys of a tile: where they raise the maximum, scale down what was summed before.

    m' = max(m, max_j s_j),  l' = l exp(m - m') + sum_j exp(s_j - m'),  o' likewise    (algorithm 3)

    Scores of minus infinity add nothing, but the first tile must have a finite one for each query.
    """
    maximum = past.maximum.maximum(scores.amax(dim=-1, keepdim=True))
    rescale = (past.maximum - maximum).exp()
    weights = (scores - maximum).exp()
    total = past.total * rescale + weights.sum(dim=-1, keepdim=True)
    return OnlineSoftmax(maximum, total, past.mixed * rescale + weights @ v)


def tiled_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    tile: int = 64,
) -> Float[Tensor, "B H T K"]:
    """Compute causal `attention`, holding the scores of `tile` queries to `tile` keys at a time.

    The last query is at the last key. The backward pass computes the scores of each tile again.

    Raises:
        BadInput: a tile is empty, or there are more queries than keys.
    """
    if tile < 1:
        raise BadInput(f"a tile must hold at least one position, got {tile}")
    if q.shape[2] > k.shape[2]:
        raise BadInput(f"{q.shape[2]} queries have only {k.shape[2]} keys, so the first see none")
    output: Any = TiledAttention.apply(q, k, v, tile)
    return output


class TiledAttention(torch.autograd.Function):
    """Saves one number per query besides inputs and output: the log of its softmax's divisor."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, tile: int) -> Tensor:
        """For each tile of queries, go through the tiles of keys that it may see."""
        output, log_divisor = torch.empty_like(q), torch.empty_like(q[..., :1])
        for rows in tiles(q.shape[2], tile):
            part = output[:, :, rows]
            so_far = OnlineSoftmax(
                torch.full_like(part[..., :1], -torch.inf),
                torch.zeros_like(part[..., :1]),
                torch.zeros_like(part),
            )
            for columns in visible_tiles(q, k, rows, tile):
                so_far = add_tile(so_far, tile_scores(q, k, rows, columns), v[:, :, columns])
            output[:, :, rows] = so_far.mixed / so_far.total
            log_divisor[:, :, rows] = so_far.maximum + so_far.total.log()
        ctx.save_for_backward(q, k, v, output, log_divisor)
        ctx.tile = tile
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        r"""Compute the weights of each tile again, and from them the gradients    (algorithm 4).

        A = exp(scores - log_divisor)

        dV = A^T dO,  dS = A (dO V^T - rowsum(dO O)),  dQ = dS K / sqrt(K),  dK = dS^T Q / sqrt(K)
        """
        q, k, v, output, log_divisor = ctx.saved_tensors
        q_grad, k_grad, v_grad = (torch.zeros_like(each) for each in (q, k, v))
        output_grad, scale = upstream[0], 1 / math.sqrt(q.shape[-1])
        row_sums = (output_grad * output).sum(dim=-1, keepdim=True)
        for rows in tiles(q.shape[2], ctx.tile):
            rows_grad = output_grad[:, :, rows]
            for columns in visible_tiles(q, k, rows, ctx.tile):
                weights = (tile_scores(q, k, rows, columns) - log_divisor[:, :, rows]).exp()
                v_grad[:, :, columns] += weights.mT @ rows_grad
                scores_grad = rows_grad @ v[:, :, columns].mT - row_sums[:, :, rows]
                scores_grad *= weights * scale
                q_grad[:, :, rows] += scores_grad @ k[:, :, columns]
                k_grad[:, :, columns] += scores_grad.mT @ q[:, :, rows]
        return q_grad, k_grad, v_grad, None


def tiles(length: int, tile: int) -> Iterator[slice]:
    """Yield the ranges of consecutive tiles; the last may be shorter."""
    for start in range(0, length, tile):
        yield slice(start, min(start + tile, length))


def visible_tiles(q: Tensor, k: Tensor, rows: slice, tile: int) -> Iterator[slice]:
    """Yield the tiles of the keys up to the position of the last of these queries."""
    return tiles(k.shape[2] - q.shape[2] + rows.stop, tile)


def tile_scores(q: Tensor, k: Tensor, rows: slice, columns: slice) -> Tensor:
    """Return the scores of a tile, minus infinity where the key comes after the query."""
    scores = (q[:, :, rows] / math.sqrt(q.shape[-1])) @ k[:, :, columns].mT
    first_hidden = k.shape[2] - q.shape[2] + rows.start - columns.start + 1
    later = torch.ones(scores.shape[2:], dtype=torch.bool, device=q.device).triu(first_hidden)
    return scores.masked_fill_(later, -torch.inf)
