r"""Sparse attention masks: each query attends to a few keys, chosen by their positions.

Sliding windows (Beltagy et al. 2020, "Longformer", section 3.1), the strided pattern of the Sparse
Transformer (Child et al. 2019, section 4.3), and whole blocks (section 5.5 there). All of them are
causal: True where a query may attend, the last query being at the last key. `mask[None, None]` is
a mask of `GPT.forward` and of `attention`.

A mask by itself saves nothing, because the fused kernel still computes every score. To save time, a
kernel must skip the tiles of the matrix in which no score is kept.
"""

import torch
from einops import repeat
from jaxtyping import Bool
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.attention import causal_mask


def sliding_window_mask(
    n_queries: int, n_keys: int, window: int, device: torch.device | None = None
) -> Bool[Tensor, "T S"]:
    """Let a query see its own position and the `window` - 1 before it.

    Raises:
        BadInput: the window is empty.
    """
    if window < 1:
        raise BadInput(f"a window must hold at least the query's own position, got {window}")
    return causal_mask(n_queries, n_keys, device).triu(n_keys - n_queries - window + 1)


def strided_mask(
    n_queries: int, n_keys: int, stride: int, device: torch.device | None = None
) -> Bool[Tensor, "T S"]:
    r"""Let query i see the last `stride` keys, and before them every `stride`-th key.

    i - j < stride, or i - j divisible by the stride    (section 4.3, both patterns in one head)

    With a stride near the square root of the length, a query sees about twice that number of keys,
    and two layers connect every position with every earlier one.

    Raises:
        BadInput: the stride is below 1.
    """
    if stride < 1:
        raise BadInput(f"a stride must be at least 1, got {stride}")
    i = torch.arange(n_keys - n_queries, n_keys, device=device)[:, None]
    distance = i - torch.arange(n_keys, device=device)
    return (distance >= 0) & ((distance < stride) | (distance % stride == 0))


def block_sparse_mask(layout: Bool[Tensor, "R C"], block_size: int) -> Bool[Tensor, "T S"]:
    """Enlarge every entry of the layout to a square block; diagonal blocks are causal inside.

    `layout[r, c]` lets the queries of block r see the keys of block c. The last block of queries
    is at the last block of keys.

    Raises:
        BadInput: a block is empty, or the layout keeps a block of later keys.
    """
    if block_size < 1:
        raise BadInput(f"a block must hold at least one position, got {block_size}")
    past = causal_mask(layout.shape[0], layout.shape[1], layout.device)
    if (layout & ~past).any():
        r, c = (layout & ~past).nonzero()[0].tolist()
        raise BadInput(f"the layout lets block {r} of the queries see block {c}, which comes later")
    mask = repeat(layout, "R C -> (R query) (C key)", query=block_size, key=block_size)
    return mask & causal_mask(mask.shape[0], mask.shape[1], mask.device)


def receptive_field(mask: Bool[Tensor, "T T"], n_layers: int) -> Bool[Tensor, "T T"]:
    r"""Return which positions reach each output of a stack of layers with this mask.

    The residual stream keeps a position's own vector, so a layer reaches M = mask or identity, and
    L layers reach what M^L does: with a window of w, the last (w - 1) L + 1 positions.
    """
    reach = torch.eye(len(mask), dtype=torch.bool, device=mask.device)
    one_layer = (mask | reach).float()
    for _ in range(n_layers):
        reach = reach.float() @ one_layer > 0
    return reach
