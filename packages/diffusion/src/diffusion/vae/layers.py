"""Layers of the autoencoder: residual blocks, attention over positions, half and double size.

The architecture is that of latent diffusion (Rombach et al. 2022, appendix E.1), so weights of
`AutoencoderKL` in diffusers fit.
"""

import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from gpt.model.attention import full_attention
from gpt.model.heads import MultiHeadAttention

GROUP_NORM_EPS = 1e-6


class ResidualBlock(nn.Module):
    """Normalise, activate and convolve, twice; the input is added to the output."""

    def __init__(self, n_in: int, n_out: int, n_groups: int) -> None:
        super().__init__()
        self.norm_1 = nn.GroupNorm(n_groups, n_in, eps=GROUP_NORM_EPS)
        self.convolution_1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.norm_2 = nn.GroupNorm(n_groups, n_out, eps=GROUP_NORM_EPS)
        self.convolution_2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.skip = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Float[Tensor, "B C height width"]) -> Float[Tensor, "B D height width"]:
        """Add the output of the convolutions to the input."""
        h = self.convolution_1(F.silu(self.norm_1(x)))
        return self.skip(x) + self.convolution_2(F.silu(self.norm_2(h)))


class PositionAttention(nn.Module):
    """Attention with one head among all positions of a small image."""

    def __init__(self, n_channels: int, n_groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(n_groups, n_channels, eps=GROUP_NORM_EPS)
        self.attention = MultiHeadAttention(n_channels, 1, 1, n_channels, bias=True)
        self.attention.attend = full_attention

    def forward(self, x: Float[Tensor, "B C height width"]) -> Float[Tensor, "B C height width"]:
        """Add the weighted means of the values to the input."""
        positions = rearrange(self.norm(x), "B C height width -> B (height width) C")
        mixed = self.attention(positions)
        # first in the sum, so that its layout (channels last) is the result's: convolutions and
        # `DoubleSize` are then faster
        return rearrange(mixed, "B (height width) C -> B C height width", height=x.shape[2]) + x


class HalfSize(nn.Module):
    """A convolution at every second position, with padding only on the right and at the bottom."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n_channels, n_channels, 3, stride=2)

    def forward(self, x: Float[Tensor, "B C height width"]) -> Float[Tensor, "B C h w"]:
        """Halve height and width."""
        return self.convolution(F.pad(x, (0, 1, 0, 1)))


class DoubleSize(nn.Module):
    """Repeat every position in a square of 2 x 2, then convolve."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n_channels, n_channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "B C height width"]) -> Float[Tensor, "B C h w"]:
        """Double height and width."""
        return self.convolution(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def middle_layers(n_channels: int, n_groups: int, attention: bool) -> list[nn.Module]:
    """Return the layers at the smallest size, where attention over all positions is affordable."""
    first, last = (ResidualBlock(n_channels, n_channels, n_groups) for _ in range(2))
    return [first, PositionAttention(n_channels, n_groups), last] if attention else [first, last]


def output_layers(n_in: int, n_out: int, n_groups: int) -> list[nn.Module]:
    """Return the layers that end an encoder or a decoder."""
    norm = nn.GroupNorm(n_groups, n_in, eps=GROUP_NORM_EPS)
    return [norm, nn.SiLU(), nn.Conv2d(n_in, n_out, 3, padding=1)]
