"""A trained model that is ready to sample, with the names of what it can be asked for."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.flow.samplers import SAMPLERS, trajectory
from diffusion.flow.times import sampling_times
from diffusion.model.flow_model import FlowModel
from diffusion.model.point_network import PointNetworkConfig
from diffusion.training.examples import load_examples
from diffusion.training.flow_run import load_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig
from gpt.errors import BadInput


class SamplingPlan(NamedTuple):
    """How samples are drawn."""

    n_steps: int = 50
    """Steps of the sampler."""
    sampler: str = "euler"
    """Name of the sampler, a key of SAMPLERS."""
    guidance: Guidance = Guidance()
    """Guidance towards the condition."""
    shift: float = 1.0
    """Shift of the times towards the noise."""


class ImageModel(NamedTuple):
    """A flow model with the names of its classes."""

    flow: FlowModel
    shape: tuple[int, ...]
    """Shape of a sample."""
    label_names: tuple[str, ...]
    """Names of the classes; none if the model is unconditional."""

    def encode(self, prompts: list[str]) -> Int[Tensor, "B T"]:
        """Return the condition of each prompt, the name or number of a class.

        Raises:
            BadInput: a prompt names no class, or the model is unconditional.
        """
        if not self.label_names:
            raise BadInput(f"this model is unconditional and takes no prompt, got {prompts[0]!r}")
        return torch.tensor([[self.find_label(prompt)] for prompt in prompts])

    def find_label(self, prompt: str) -> int:
        """Return the number of a class by its name or number."""
        names = self.label_names
        if prompt.isdecimal() and int(prompt) < len(names):
            return int(prompt)
        if prompt not in names:
            close = difflib.get_close_matches(prompt, names) or names
            raise BadInput(f"there is no class {prompt!r}; try {', '.join(close[:12])}")
        return names.index(prompt)

    def unconditional(self, n: int) -> Int[Tensor, "B T"]:
        """Return the null condition for n samples."""
        return self.flow.null.cpu().expand(n, -1)

    def trajectory(
        self, condition: Int[Tensor, "B T"], plan: SamplingPlan, generator: torch.Generator
    ) -> Iterator[Float[Tensor, "B *D"]]:
        """Yield the samples at each time, from noise to data."""
        null = self.flow.null
        noise = torch.randn(len(condition), *self.shape, generator=generator).to(null.device)
        velocity = GuidedVelocity(self.flow, condition.to(null.device), null, plan.guidance)
        times = sampling_times(plan.n_steps, plan.shift)
        return trajectory(velocity, noise, times, SAMPLERS[plan.sampler].step)

    def sample(
        self, condition: Int[Tensor, "B T"], plan: SamplingPlan, generator: torch.Generator
    ) -> Float[Tensor, "B *D"]:
        """Draw a sample for each row of the condition."""
        *_, samples = self.trajectory(condition, plan, generator)
        return samples.cpu()


def load_run(path: Path, device: torch.device | None = None) -> ImageModel:
    """Load the model of a run.

    Raises:
        BadInput: there is no run in the folder, or it has no intact checkpoint.
    """
    config, folder = TrainConfig.saved(path), DiffusionFolder(path)
    flow = load_flow_model(folder, device)
    names = load_examples(config.task, config.condition).label_names
    network = folder.flow_model_config().network
    if isinstance(network, PointNetworkConfig):
        shape = (network.d_point,)
    else:
        shape = (network.n_channels, network.size, network.size)
    return ImageModel(flow, shape, names if config.condition == "class" else ())
