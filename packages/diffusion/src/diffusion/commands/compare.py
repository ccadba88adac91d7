"""`diffusion compare`: our values and times next to those of diffusers and open_clip."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from tyro.conf import arg

from diffusion.comparison import clip_rows, dit_rows, guided_rows, memory, sampler_rows, vae_rows
from gpt.comparison.report import ComputeRows, report_comparison


@dataclass(frozen=True)
class CompareConfig:
    """Compare our results and speed with those of diffusers and open_clip.

    The exit status is 1 if any result differs from the library's; slow rows do not count.
    """

    only: Annotated[str, arg(help_behavior_hint="(default: all groups)")] = ""
    """Compute only the groups whose name contains this text, such as `DiT` or `schedulers`."""
    speed: bool = True
    """Measure times and memory as well, which takes some minutes."""
    json: bool = False
    """Print one JSON document instead of a table."""


def run(config: CompareConfig) -> int:
    """Compute the rows, print them, and return 1 if any result differs from the library's."""
    groups = compared_groups(config.speed)
    return report_comparison(groups, config.only, config.json, "diffusion.baselines")


def compared_groups(timed: bool) -> Iterator[tuple[str, ComputeRows]]:
    """Return the groups of rows by name, each with the function that computes them."""
    yield "DiT", dit_rows.equality_rows
    yield "schedulers", sampler_rows.scheduler_rows
    yield "guided sampling", partial(guided_rows.guided_rows, timed)
    yield "VAE", partial(vae_rows.vae_rows, timed)
    yield "CLIP", partial(clip_rows.clip_rows, timed)
    if timed:
        yield "DiT training step", dit_rows.step_rows
        yield "memory", memory.memory_rows
