r"""Positions of patches: sinusoids of the column and of the row, each in one half of the width.

Vaswani et al. 2017, section 3.5, in two dimensions as in DiT (Peebles and Xie 2023). The rotary
form rotates queries and keys instead, half of the pairs by the column and half by the row.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gpt.model.rotary import Rotation, rotary_angles

ROTARY_BASE = 100.0
"""Longest wavelength of the rotation, over 2 pi patches; a grid of patches is short."""


def sinusoids(positions: Float[Tensor, " N"], width: int) -> Float[Tensor, "N D"]:
    """Return the sines, then the cosines, of positions times frequencies from 1 to 1/10000."""
    frequencies = 10_000.0 ** (-torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angles = positions.double()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def grid_sinusoids(side: int, d_model: int) -> Float[Tensor, "N D"]:
    """Return the embedding of each patch's position: its column, then its row."""
    rows, columns = grid_positions(side)
    halves = [sinusoids(each, d_model // 2) for each in (columns, rows)]
    return torch.cat(halves, dim=1).float()


def grid_positions(side: int) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Return the row and the column of each patch of a square grid, in reading order."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return rows.flatten().double(), columns.flatten().double()


class GridSinusoids(nn.Module):
    """Sinusoids that are added to the patches of a square grid."""

    table: Float[Tensor, "N D"]

    def __init__(self, side: int, d_model: int) -> None:
        super().__init__()
        self.register_buffer("table", grid_sinusoids(side, d_model), persistent=False)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """Add its position to each patch."""
        return x + self.table


class GridRotation(nn.Module):
    """Rotation of queries and keys by the row and column of their patch (RoPE in two dimensions).

    A score then depends on the distance in rows and in columns (Su et al. 2021; gpt's `rotary`).
    """

    cos: Float[Tensor, "N K"]
    sin: Float[Tensor, "N K"]

    def __init__(self, side: int, d_head: int) -> None:
        super().__init__()
        angles = rotary_angles(side, d_head // 2, ROTARY_BASE)
        rows, columns = grid_positions(side)
        half = torch.cat([angles[columns.long()], angles[rows.long()]], dim=1)
        cos, sin = half.cos().float(), half.sin().float()
        self.register_buffer("cos", torch.cat([cos, cos], dim=1), persistent=False)
        self.register_buffer("sin", torch.cat([-sin, sin], dim=1), persistent=False)

    def forward(self, x: Float[Tensor, "B H N K"]) -> Float[Tensor, "B H N K"]:
        """Rotate queries or keys."""
        return Rotation(self.cos, self.sin)(x)
