"""Rows of CLIP: towers, loss, gradients and a training step, against open_clip."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from diffusion.clip.config import CLIPConfig
from diffusion.clip.open_clip_weights import from_open_clip
from diffusion.clip.towers import CLIP
from diffusion.clip.training import CLIPBatch, clip_loss
from diffusion.comparison.dit_rows import RATE, gradients
from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.comparison.speed import stepper
from gpt.model.fast.choose import use_fast_layers
from gpt.training.optimizer import make_adamw

CLIP_TOLERANCE = 1e-5
CLIP_FLOOR = 1.0
COMPARED_CLIP = CLIPConfig(vocab_size=2_000, context=12)
N_PAIRS = 64


def clip_rows(timed: bool) -> list[ComparisonRow]:
    """Compare the outputs, the loss and the gradients of a batch, then a training step."""
    rows = [clip_equality_row()]
    return [*rows, clip_step_row()] if timed else rows


def random_clip() -> CLIP:
    """Make a CLIP none of whose weights is 0 or 1."""
    clip = CLIP(COMPARED_CLIP)
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return clip


def random_pairs() -> CLIPBatch:
    """Draw images, and captions of different lengths that end in the largest id."""
    size = COMPARED_CLIP.size
    images = torch.rand(N_PAIRS, COMPARED_CLIP.n_channels, size, size) * 2 - 1
    return CLIPBatch(images, random_captions())


def random_captions() -> Int[Tensor, "B T"]:
    """Draw captions; no two of them are equal."""
    context, end = COMPARED_CLIP.context, COMPARED_CLIP.vocab_size - 1
    words = torch.randint(1, end, (N_PAIRS, context))
    n_words = torch.randint(3, context, (N_PAIRS, 1))
    positions = torch.arange(context)
    words = torch.where(positions == n_words, end, words)
    return torch.where(positions > n_words, 0, words)


def clip_equality_row() -> ComparisonRow:
    """Compare the vectors, the scale, the loss and the gradient of every weight."""
    from diffusion import baselines

    ours, batch = random_clip(), random_pairs()
    library = baselines.to_library_clip(ours)
    loss, found = mean_clip_loss(ours, batch), ours(*batch)
    their_loss, expected = baselines.library_clip_loss(library, *batch), library(*batch)
    loss.backward()
    their_loss.backward()
    differences = (
        max(max_abs_difference(a, b) for a, b in zip(found, expected, strict=True)),
        max_abs_difference(loss, their_loss),
        max_abs_difference_by_name(
            gradients(ours), from_open_clip(gradients(library), COMPARED_CLIP)
        ),
    )
    return ComparisonRow(
        f"CLIP, towers, loss and gradients, {N_PAIRS} pairs",
        baselines.library_version("open_clip_torch"),
        max(differences),
        CLIP_TOLERANCE,
        note="outputs {:.1e}, loss {:.1e}, gradients {:.1e}".format(*differences),
    )


def mean_clip_loss(model: CLIP, batch: CLIPBatch) -> Tensor:
    """Return our loss per pair."""
    loss = clip_loss(model, batch)
    return loss.total / loss.terms


def clip_step_row() -> ComparisonRow:
    """Compare a training step; the loss before it is equal on both sides."""
    from diffusion import baselines

    ours, batch = random_clip(), random_pairs()
    library = baselines.to_library_clip(ours)
    mine, theirs = our_clip_step(ours, batch), library_clip_step(library, batch)
    difference = abs(mine() - theirs())
    return ComparisonRow(
        f"training step of CLIP, {N_PAIRS} pairs",
        baselines.library_version("open_clip_torch"),
        difference,
        CLIP_TOLERANCE,
        *time_interleaved(mine, theirs, repeats=9),
        CLIP_FLOOR,
    )


def our_clip_step(model: CLIP, batch: CLIPBatch) -> Callable[[], float]:
    """Return a training step of ours."""
    use_fast_layers(model.train())
    optimizer = make_adamw(list(model.parameters()), RATE, (0.9, 0.999), 0.01)
    for group in optimizer.param_groups:
        group["lr"] = RATE
    return stepper(optimizer, lambda: mean_clip_loss(model, batch))


def library_clip_step(model: Any, batch: CLIPBatch) -> Callable[[], float]:
    """Return a training step of open_clip's model and loss with torch's AdamW."""
    from diffusion.baselines import library_clip_loss

    optimizer = torch.optim.AdamW(model.train().parameters(), lr=RATE)
    return stepper(optimizer, lambda: library_clip_loss(model, *batch))
