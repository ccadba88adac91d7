r"""Modulation: a condition shifts and scales the input of a layer, and gates its output.

    adaLN:       modulate(x) = norm(x) (1 + scale) + shift
    adaLN-Zero:  x + gate * layer(modulate(x))

Shift, scale and gate are linear functions of the condition (Peebles and Xie 2023, section 3.2). All
of them start at 0, so at first every block returns its input, and a deep model starts to learn like
a shallow one.
"""

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class BlockModulation(NamedTuple):
    """Shift, scale and gate of the two layers of a block."""

    attention_shift: Float[Tensor, "B 1 D"]
    attention_scale: Float[Tensor, "B 1 D"]
    attention_gate: Float[Tensor, "B 1 D"]
    mlp_shift: Float[Tensor, "B 1 D"]
    mlp_scale: Float[Tensor, "B 1 D"]
    mlp_gate: Float[Tensor, "B 1 D"]


class Modulation(nn.Module):
    """SiLU, then a linear map from a condition to `n` vectors, which are all 0 at first."""

    def __init__(self, d_model: int, n: int) -> None:
        super().__init__()
        self.n, self.linear = n, nn.Linear(d_model, n * d_model)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, condition: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "B 1 D"], ...]:
        """Return the n vectors of each row; all patches of the row share them."""
        return self.linear(F.silu(condition))[:, None].chunk(self.n, dim=-1)


def modulate(
    x: Float[Tensor, "B N D"],
    shift: Float[Tensor, "B 1 D"],
    scale: Float[Tensor, "B 1 D"],
    eps: float = 1e-6,
) -> Float[Tensor, "B N D"]:
    """Normalise each row of numbers, then scale and shift it: norm(x) (1 + scale) + shift."""
    return F.layer_norm(x, x.shape[-1:], eps=eps) * (1 + scale) + shift
