"""Draw the emoji of the model that ships below the true drawings, of trained and held-out pairs.

    uv run python packages/diffusion/scripts/emoji_grids.py

Nothing is chosen by its looks: the grids have every held-out pair, and as many trained ones, every
fifth in their order.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.data.emoji import STYLES, EmojiSet, clear_names, emoji, split_pairs
from diffusion.display.grid import grid_image, save_png
from diffusion.flow.guidance import Guidance
from diffusion.training.image_model import ImageModel, SamplingPlan, draw_captions
from diffusion.training.model_file import shipped_model
from gpt.program import Script

N_COLUMNS = 18


@dataclass(frozen=True)
class EmojiGrids:
    """Draw trained and held-out emoji below the true drawings."""

    output: Path = Path()
    """Folder for emoji-trained.png and emoji-held-out.png."""
    guidance: float = 2.0
    """Guidance weight. Higher matches the caption better and varies less; 1 is no guidance."""


def run(config: EmojiGrids) -> int:
    """Write the grid of trained pairs and the grid of held-out pairs."""
    model, plan = shipped_model(), SamplingPlan(guidance=Guidance(config.guidance))
    train, held_out = split_pairs(emoji(STYLES, names=clear_names()))
    every_fifth = train.select(range(0, len(train), 5)[: len(held_out)])
    for name, drawings in (("trained", every_fifth), ("held-out", held_out)):
        rows = alternating_rows(model, plan, drawings)
        captions = ["true", "drawn"] * (len(rows) // (2 * N_COLUMNS))
        image = grid_image(rows, N_COLUMNS, row_captions=captions, smallest_side=32)
        save_png(config.output / f"emoji-{name}.png", image)
    return 0


def alternating_rows(
    model: ImageModel, plan: SamplingPlan, drawings: EmojiSet
) -> Float[Tensor, "N 3 32 32"]:
    """Return rows of true drawings, each followed by a row of samples with the same captions."""
    samples = draw_captions(model, plan, seed=0)(drawings.captions)
    pairs = zip(drawings.images.split(N_COLUMNS), samples.split(N_COLUMNS), strict=True)
    return torch.cat([torch.cat(pair) for pair in pairs])


if __name__ == "__main__":
    sys.exit(Script("emoji_grids", EmojiGrids, run).main())
