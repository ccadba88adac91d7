"""Attention maps: how much each position attends to each earlier one, in every layer and head.

The kernel that a model uses does not keep these weights. Here each layer computes them a second
time, by the equation in `gpt.model.attention`, from the queries and keys that the kernel gets.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor

from gpt.model.attention import AttentionMask, attention_weights, causal_mask
from gpt.model.fast.packing import Packing
from gpt.model.gpt import GPT


class KernelInputs(NamedTuple):
    """Inputs of one layer's attention kernel; queries and keys are already rotated."""

    q: Float[Tensor, "B H T K"]
    k: Float[Tensor, "B J S K"]
    v: Float[Tensor, "B J S K"]
    mask: AttentionMask


@torch.no_grad()
def attention_maps(model: GPT, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "L B H T T"]:
    """Return the attention weights of all layers and heads; row t sums to 1 over its keys."""
    with recording_kernel_inputs(model) as layers:
        model.hidden(tokens)
    return torch.stack([weights_of_kernel(each.q, each.k, each.mask) for each in layers])


@contextmanager
def recording_kernel_inputs(model: GPT) -> Iterator[list[KernelInputs]]:
    """Collect the inputs of the attention kernel of every layer that runs inside the `with` block.

    Hooks don't reach them: the kernel is a function that the attention layer calls.
    """
    recorded: list[KernelInputs] = []
    layers: list[Any] = [block.attention for block in model.blocks]
    kernels = [layer.attend for layer in layers]

    def recording(attend: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def attend_and_record(q: Tensor, k: Tensor, v: Tensor, mask: AttentionMask) -> Tensor:
            recorded.append(KernelInputs(q, k, v, mask))
            return attend(q, k, v, mask)

        return attend_and_record

    try:
        for layer, attend in zip(layers, kernels, strict=True):
            layer.attend = recording(attend)
        yield recorded
    finally:
        for layer, attend in zip(layers, kernels, strict=True):
            layer.attend = attend


def weights_of_kernel(
    q: Float[Tensor, "B H T K"], k: Float[Tensor, "B J S K"], mask: AttentionMask
) -> Float[Tensor, "B H T S"]:
    """Return the weights that a kernel gives the keys, for each kind of mask that it accepts."""
    if isinstance(mask, Packing):
        raise TypeError("rows of several texts have no single attention map")
    n_queries, n_keys = q.shape[2], k.shape[2]
    k = repeat(k, "B J S K -> B (J group) S K", group=q.shape[1] // k.shape[1])
    if mask is None:
        mask = causal_mask(n_queries, n_keys, q.device)[None, None]
    if mask.dtype == torch.bool:
        return attention_weights(q, k, mask)
    kept = mask > -torch.inf  # a mask of numbers: a bias where it is finite
    return attention_weights(q, k, kept, mask.masked_fill(~kept, 0.0))
