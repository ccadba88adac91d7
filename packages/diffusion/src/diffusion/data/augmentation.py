"""Small changes that leave the caption true: a shift, a mirror image, another tint.

A model that sees a drawing a thousand times otherwise learns its pixels; with shifts and tints it
has to learn the drawing.
"""

import re

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

SIDED = re.compile(
    r"\b(left|right|leftwards|rightwards|arrows?|(counter)?clockwise|quarter|waxing|waning|facing|"
    r"increasing|decreasing|tilted|index|globe|map|"
    r"mark|calendar|banknote|dollar|yen|1st|2nd|3rd|8|hundred|zzz|notes?|score|keyboard|"
    r"clock|watch|stopwatch|symbol|sign|button|badge|mail|card|file|newspaper|page|memo|receipt|"
    r"label|notebook|hospital|hotel|bank|store|stop|office|taxi|police|ambulance|joker|mahjong|"
    r"identification)\b"
)
"""Words of captions whose image has a side, a direction or writing, and is not mirrored."""


def may_flip(captions: list[str]) -> Bool[Tensor, " N"]:
    """Return which images stay true to their caption when they are mirrored."""
    return torch.tensor([SIDED.search(caption) is None for caption in captions])


def augment(
    images: Float[Tensor, "B C height width"],
    generator: torch.Generator,
    flippable: Bool[Tensor, " B"],
    max_shift: int = 4,
    tint: float = 0.05,
) -> Float[Tensor, "B C height width"]:
    """Return shifted, mirrored and tinted images, each changed in its own way.

    Args:
        images: in [-1, 1] on white.
        generator: draws every change, on the CPU.
        flippable: rows that may be mirrored (`may_flip`), each with probability 1/2.
        max_shift: pixels in each direction; what appears at the border is white.
        tint: standard deviation of the relative change of each channel's ink (1 minus the pixel),
            so that white stays white. The same change in all channels is a change of brightness,
            different ones a change of hue.
    """
    n, n_channels, height, width = images.shape
    flipped = flippable & (torch.rand(n, generator=generator) < 0.5)
    images = torch.where(flipped.to(images.device)[:, None, None, None], images.flip(-1), images)
    shifts = torch.randint(2 * max_shift + 1, (2, n, 1), generator=generator)
    rows, columns = torch.arange(height) + shifts[0], torch.arange(width) + shifts[1]
    padded = F.pad(images, (max_shift,) * 4, value=1.0)
    shifted = padded[
        torch.arange(n)[:, None, None, None],
        torch.arange(n_channels)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
    change = 1 + tint * torch.randn(n, n_channels, 1, 1, generator=generator)
    return (1 - (1 - shifted) * change.to(images)).clamp(-1, 1)
