r"""Rotary positions (RoPE): queries and keys are rotated by an angle proportional to the position.

Su et al. 2021, "RoFormer", section 3.2.2. The dot product of two rotated vectors depends only on
the difference of their angles, so a score depends on the distance between query and key.

RoFormer rotates the pairs (2i, 2i + 1); the model here rotates (i, i + K/2), as Llama does in
transformers. Both are the same model up to the order of the rows of its projections; see
`interleaved_to_halves`.
"""

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from gpt.model.positions import PositionIndex, required_table_rows


def rotary_angles(n_positions: int, d_head: int, base: float = 10_000.0) -> Float[Tensor, "T half"]:
    r"""Return the angle of position t in pair i: theta_ti = t base^(-2i/K)    (section 3.2.2)."""
    frequencies = base ** (-torch.arange(0, d_head, 2, dtype=torch.float64) / d_head)
    return torch.arange(n_positions, dtype=torch.float64)[:, None] * frequencies


def rotate(
    x: Float[Tensor, "B H T K"], angles: Float[Tensor, "*B T half"]
) -> Float[Tensor, "B H T K"]:
    r"""Rotate each pair (a, b) = (x_i, x_(i + K/2)) of a row by its angle.

    (a, b) -> (a cos theta - b sin theta, a sin theta + b cos theta)    (eq. 13)
    """
    a, b = rearrange(x, "B H T (two half) -> two B H T half", two=2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def rotate_interleaved(
    x: Float[Tensor, "B H T K"], angles: Float[Tensor, "*B T half"]
) -> Float[Tensor, "B H T K"]:
    """Rotate the pairs (x_2i, x_2i+1), as in the RoFormer paper."""
    a, b = rearrange(x, "B H T (half two) -> two B H T half", two=2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    pairs = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return rearrange(pairs, "B H T half two -> B H T (half two)")


def interleaved_to_halves(weight: Float[Tensor, "HK *D"], n_heads: int) -> Float[Tensor, "HK *D"]:
    """Reorder the rows of a query or key projection made for interleaved pairs.

    Within each head, row 2i moves to i and row 2i + 1 to i + K/2. Queries and keys are reordered
    alike, so their products, and the model, stay the same.
    """
    return rearrange(weight, "(H half two) ... -> (H two half) ...", H=n_heads, two=2)


class Rotation(NamedTuple):
    """The rotation of a range of positions, computed once and used by every layer.

    It computes `rotate` in three kernels instead of seven: with the halves of x swapped, the result
    is x cos + swapped sin, if the sines of the first half have a minus sign.
    """

    cos: Float[Tensor, "*B T K"]
    sin: Float[Tensor, "*B T K"]

    def __call__(self, x: Float[Tensor, "B H T K"]) -> Float[Tensor, "B H T K"]:
        """Rotate queries or keys."""
        swapped = x.roll(x.shape[-1] // 2, dims=-1)
        return torch.addcmul(x * self.cos.to(x.dtype), swapped, self.sin.to(x.dtype))


class Rotary(nn.Module):
    """Rotary positions; the tables of cosines and sines grow with the text."""

    def __init__(self, d_head: int, base: float = 10_000.0) -> None:
        super().__init__()
        self.d_head, self.base = d_head, base
        self.cos = self.sin = torch.empty(0, d_head)

    def forward(self, index: PositionIndex, like: Tensor) -> Rotation:
        """Return the rotation of these positions, with the dtype and device of `like`."""
        rows = required_table_rows(self.cos, index, like)
        if rows is not None:
            with torch.inference_mode(False):  # a table made in generation also serves training
                angles = rotary_angles(rows, self.d_head, self.base)
                cos = torch.cat([angles.cos(), angles.cos()], dim=-1)
                sin = torch.cat([-angles.sin(), angles.sin()], dim=-1)
                # the format first: Apple's GPU has no float64
                self.cos, self.sin = (table.to(like.dtype).to(like.device) for table in (cos, sin))
        cos, sin = self.cos[index], self.sin[index]
        return Rotation(cos, sin) if cos.ndim == 2 else Rotation(cos[:, None], sin[:, None])
