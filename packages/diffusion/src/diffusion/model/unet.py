"""A small U-Net, the network of the first diffusion models and the baseline of DiT.

Ronneberger et al. 2015; Ho et al. 2020, appendix B. On the way down each stage halves the image, on
the way up each stage doubles it and also reads what the way down computed at the same size.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.model.time_embedding import TimeEmbedding
from gpt.errors import BadInput


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a U-Net."""

    n_channels: int = 1
    """Numbers per pixel: 1 for grey, 3 for colour, or the channels of a latent image."""
    size: int = 8
    """Pixels per side of an image; each stage but the first halves it."""
    stage_channels: tuple[int, ...] = (64, 128)
    """Channels of each stage, from the largest image to the smallest. More learn more."""
    d_condition: int = 128
    """Width of the vector of time and condition."""
    n_groups: int = 8
    """Groups of channels that are normalised together."""

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            BadInput: a number is below 1, the channels do not form groups, or the image cannot be
                halved so often.
        """
        for name in ("n_channels", "size", "d_condition", "n_groups"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        stages = self.stage_channels
        if not stages or any(n < 1 or n % self.n_groups for n in stages):
            raise BadInput(f"stage_channels must be multiples of {self.n_groups}, got {stages}")
        if self.size % 2 ** (len(self.stage_channels) - 1):
            raise BadInput(
                f"size {self.size} cannot be halved {len(self.stage_channels) - 1} times"
            )


class ConditionedBlock(nn.Module):
    """Two convolutions with a shift and a scale by the condition in between, and a skip."""

    def __init__(self, n_in: int, n_out: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm_1 = nn.GroupNorm(config.n_groups, n_in)
        self.convolution_1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.condition = nn.Linear(config.d_condition, 2 * n_out)
        self.norm_2 = nn.GroupNorm(config.n_groups, n_out)
        self.convolution_2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.skip = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        nn.init.zeros_(self.convolution_2.weight)  # at first the block is its skip

    def forward(
        self, x: Float[Tensor, "B C height width"], condition: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B E height width"]:
        """Add the output of the convolutions to the image."""
        h = self.convolution_1(F.silu(self.norm_1(x)))
        shift, scale = self.condition(F.silu(condition))[:, :, None, None].chunk(2, dim=1)
        h = self.convolution_2(F.silu(self.norm_2(h) * (1 + scale) + shift))
        return self.skip(x) + h


class UNet(nn.Module):
    """The network: one block per stage on the way down, one in the middle, one on the way up."""

    def __init__(self, config: UNetConfig, condition: nn.Module) -> None:
        super().__init__()
        self.config, self.condition = config, condition
        stages, smallest = config.stage_channels, config.stage_channels[-1]
        self.time = TimeEmbedding(config.d_condition)
        self.input = nn.Conv2d(config.n_channels, stages[0], 3, padding=1)
        inputs = (stages[0], *stages[:-1])
        self.down = nn.ModuleList(
            ConditionedBlock(n_in, n_out, config)
            for n_in, n_out in zip(inputs, stages, strict=True)
        )
        self.middle = ConditionedBlock(smallest, smallest, config)
        self.up = nn.ModuleList(
            ConditionedBlock(2 * n_out, n_in, config)
            for n_in, n_out in zip(reversed(inputs), reversed(stages), strict=True)
        )
        self.output_norm = nn.GroupNorm(config.n_groups, stages[0])
        self.output = nn.Conv2d(stages[0], config.n_channels, 3, padding=1)
        nn.init.zeros_(self.output.weight)

    def forward(
        self,
        x: Float[Tensor, "B C height width"],
        t: Float[Tensor, " B"],
        ids: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B C height width"]:
        """Predict the target at every pixel (see `flow_model`)."""
        condition = self.condition(ids).vector + self.time(t)
        h, skips = self.input(x), []
        for number, block in enumerate(self.down):
            h = F.avg_pool2d(h, 2) if number else h
            h = block(h, condition)
            skips.append(h)
        h = self.middle(h, condition)
        for number, block in enumerate(self.up):
            h = F.interpolate(h, scale_factor=2.0) if number else h
            h = block(torch.cat([h, skips.pop()], dim=1), condition)
        return self.output(F.silu(self.output_norm(h)))
