"""Half a block of a DiT: a condition scales and shifts a layer's input, and gates its output."""

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def adaln_zero(
    x: Float[Tensor, "B N D"],
    condition: Float[Tensor, "B D"],
    weight: Float[Tensor, "E D"],
    bias: Float[Tensor, " E"],
    layer: Callable[[Tensor], Tensor],
) -> Float[Tensor, "B N D"]:
    """Add to x the output of the layer for the modulated rows, times the gate."""
    modulation = F.linear(F.silu(condition), weight, bias)[:, None]  # B 1 E
    shift, scale, gate = modulation.chunk(3, dim=-1)
    normalised = F.layer_norm(x, x.shape[-1:], eps=1e-6)
    return x + gate * layer(normalised * (1 + scale) + shift)
