"""Rows of a whole sampling with guidance: our sampler, and diffusers' modules in a loop."""

import torch

from diffusion.comparison.compared_models import COMPARED_SHAPES, N_LABELS, random_dit
from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.flow.samplers import sample
from diffusion.flow.times import sampling_times
from diffusion.model.fast import use_fast_operations
from diffusion.model.flow_model import FlowModel
from gpt.comparison.rows import ComparisonRow, max_abs_difference, time_interleaved

GUIDED_TOLERANCE = 1e-4
GUIDED_FLOOR = 1.2
N_STEPS, WEIGHT, N_GUIDED = 50, 2.0, 10


def guided_rows(timed: bool) -> list[ComparisonRow]:
    """Compare 50 guided Euler steps of each shape, on one image per label."""
    return [guided_row(name, timed) for name in COMPARED_SHAPES]


def guided_row(name: str, timed: bool) -> ComparisonRow:
    """Compare the images of 50 guided Euler steps."""
    from diffusion import baselines

    config = COMPARED_SHAPES[name].config
    network = random_dit(config)
    library, model = baselines.to_library_dit(network), FlowModel(network)
    use_fast_operations(model)
    labels = torch.arange(N_GUIDED) % N_LABELS
    noise = torch.randn(N_GUIDED, config.n_channels, config.size, config.size)
    guidance = Guidance(WEIGHT)

    def ours() -> torch.Tensor:
        velocity = GuidedVelocity(model, labels[:, None], model.null, guidance)
        return sample(velocity, noise, sampling_times(N_STEPS))

    def theirs() -> torch.Tensor:
        return baselines.library_guided_sample(library, labels, noise, N_STEPS, WEIGHT)

    difference = max_abs_difference(ours(), theirs())
    seconds = time_interleaved(ours, theirs, repeats=3, warmups=0) if timed else None
    n_patches = config.patches_per_side**2
    return ComparisonRow(
        f"{N_STEPS} guided Euler steps, {N_GUIDED} images of {n_patches} patches, width "
        f"{config.d_model}, {config.n_layers} layers",
        baselines.library_version("diffusers"),
        difference,
        GUIDED_TOLERANCE,
        *(seconds or (None, None)),
        GUIDED_FLOOR if timed else None,
    )
