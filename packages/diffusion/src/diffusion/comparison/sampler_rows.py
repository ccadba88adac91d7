"""Rows of the samplers: the same velocity followed by us and by the schedulers of diffusers.

The velocity is that of a mixture of normal distributions, so no network adds its own rounding. The
schedulers keep their times in fp32, so both sides step between these, and the difference between
them and our times is part of the row.
"""

from typing import Any

import torch

from diffusion.flow.mixture import ring
from diffusion.flow.samplers import SAMPLERS, euler, sample
from diffusion.flow.times import sampling_times
from gpt.comparison.rows import ComparisonRow, max_abs_difference

SAMPLER_TOLERANCE = 1e-6
N_FOLLOWED = 1000
EULER_SCHEDULES = ((10, 1.0), (50, 1.0), (50, 3.0))
HEUN_STEPS = (10, 50)


def scheduler_rows() -> list[ComparisonRow]:
    """Compare Euler steps with and without a shift, and Heun steps."""
    euler_rows = [euler_row(n_steps, shift) for n_steps, shift in EULER_SCHEDULES]
    return [*euler_rows, *(heun_row(n_steps) for n_steps in HEUN_STEPS)]


def euler_row(n_steps: int, shift: float) -> ComparisonRow:
    """Compare with the Euler scheduler, which is given the times before its shift."""
    from diffusion import baselines

    name = f"{n_steps} Euler steps, shift {shift:g}"
    return scheduler_row(name, baselines.euler_scheduler(n_steps, shift), n_steps, shift, "euler")


def heun_row(n_steps: int) -> ComparisonRow:
    """Compare with the Heun scheduler, whose last step is an Euler step."""
    from diffusion import baselines

    name = f"{n_steps} Heun steps, the last of them Euler"
    return scheduler_row(name, baselines.heun_scheduler(n_steps), n_steps, 1.0, "heun")


def scheduler_row(
    name: str, scheduler: Any, n_steps: int, shift: float, sampler: str
) -> ComparisonRow:
    """Compare the times, and the points at the end."""
    from diffusion import baselines

    mixture, noise = ring(std=0.5), torch.randn(N_FOLLOWED, 2)
    times = scheduler.sigmas.unique().flip(0)  # the Heun scheduler has some of them twice
    x = sample(mixture.velocity, noise, times[:-1], SAMPLERS[sampler].step)
    ours = sample(mixture.velocity, x, times[-2:], euler)
    theirs = baselines.library_sample(scheduler, lambda x, t: mixture.velocity(x, t.item()), noise)
    differences = (
        max_abs_difference(sampling_times(n_steps, shift), times),
        max_abs_difference(ours, theirs),
    )
    return ComparisonRow(
        name,
        baselines.library_version("diffusers"),
        max(differences),
        SAMPLER_TOLERANCE,
        note="times {:.1e}, points {:.1e}".format(*differences),
    )
