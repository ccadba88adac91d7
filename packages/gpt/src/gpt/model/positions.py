r"""Where a token stands: attention itself does not know, so the positions must tell it.

Two schemes. A learned table adds a vector to each token's (Gehring et al. 2017; GPT-2). Rotary
embedding turns queries and keys by an angle that grows with the position (Su et al. 2021,
"RoFormer", section 3.2.2), so that scores depend on the distance alone.

Departure from RoFormer: pairs are (i, i + K/2), as in Llama, and not (2i, 2i + 1); the model is the
same up to the order of the rows of its projections.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from gpt.errors import BadInput


class LearnedPositions(nn.Module):
    """Add row t of a table to the token at position t."""

    def __init__(self, context: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(context, d_model))

    def forward(self, x: Float[Tensor, "B T D"], offset: int = 0) -> Float[Tensor, "B T D"]:
        """The tokens, each with its position; the first one stands at `offset`."""
        end, context = offset + x.shape[1], self.weight.shape[0]
        if end > context:
            raise BadInput(f"position {end - 1} lies beyond the context of {context} positions")
        return x + self.weight[offset:end]


class NoPositions(nn.Module):
    """Leave the tokens as they are, for schemes that act inside attention."""

    def forward(self, x: Float[Tensor, "B T D"], offset: int = 0) -> Float[Tensor, "B T D"]:
        """The tokens."""
        return x


def rotary_angles(n_positions: int, d_head: int, base: float = 10_000.0) -> Float[Tensor, "T half"]:
    r"""The angle of position t in pair i: theta_ti = t base^(-2i/K)    (section 3.2.2)."""
    frequencies = base ** (-torch.arange(0, d_head, 2, dtype=torch.float64) / d_head)
    return torch.arange(n_positions, dtype=torch.float64)[:, None] * frequencies


def rotate(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "T half"], sin: Float[Tensor, "T half"]
) -> Float[Tensor, "B H T K"]:
    r"""Turn each pair (a, b) of a row by its angle.

    (a, b) -> (a cos theta - b sin theta, a sin theta + b cos theta)    (eq. 13)
    """
    a, b = rearrange(x, "B H T (two half) -> two B H T half", two=2)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Rotary(nn.Module):
    """Turn queries or keys by their positions; the tables grow when a longer text comes."""

    def __init__(self, d_head: int, base: float = 10_000.0) -> None:
        super().__init__()
        self.d_head, self.base = d_head, base
        self.register_buffer("cos", torch.empty(0, d_head // 2), persistent=False)
        self.register_buffer("sin", torch.empty(0, d_head // 2), persistent=False)

    def forward(self, x: Float[Tensor, "B H T K"], offset: int = 0) -> Float[Tensor, "B H T K"]:
        """The rows turned; the first one stands at position `offset`."""
        end, rows = offset + x.shape[2], self.cos.shape[0]
        if end > rows or self.cos.dtype != x.dtype:
            rows = max(end, 2 * rows) if end > rows else rows
            angles = rotary_angles(rows, self.d_head, self.base)
            # the format first: Apple's GPU has no float64
            self.cos = angles.cos().to(x.dtype).to(x.device)
            self.sin = angles.sin().to(x.dtype).to(x.device)
        return rotate(x, self.cos[offset:end], self.sin[offset:end])


class NoRotation(nn.Module):
    """Leave queries and keys as they are, for schemes that act before attention."""

    def forward(self, x: Float[Tensor, "B H T K"], offset: int = 0) -> Float[Tensor, "B H T K"]:
        """The rows."""
        return x
