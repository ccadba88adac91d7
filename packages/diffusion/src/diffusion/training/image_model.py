"""A trained model that is ready to sample, with the classes or words of its prompts."""

from collections.abc import Callable, Iterator
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
from diffusion.training.flow_run import load_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig
from diffusion.training.prompts import LabelNames, Prompts
from diffusion.vae.file import load_vae
from diffusion.vae.vae import VAE
from gpt.errors import BadInput

BATCH_SIZE = 256
"""Samples that are drawn at once."""


class SamplingPlan(NamedTuple):
    """Settings of the sampler, with the guidance."""

    n_steps: int = 50
    """Steps of the sampler. More are more exact and take longer."""
    sampler: str = "euler"
    """Name of the sampler, a key of SAMPLERS."""
    guidance: Guidance = Guidance()
    """Guidance towards the condition."""
    shift: float = 1.0
    """Shift of the times towards the noise; above 1, more steps are spent there."""


class ImageModel(NamedTuple):
    """A flow model with the classes or words of its prompts."""

    flow: FlowModel
    shape: tuple[int, ...]
    """Shape of a sample."""
    prompts: Prompts | None
    """Classes or words that the model knows; None if it is unconditional."""
    vae: VAE | None = None
    """Autoencoder whose latents the flow model generates."""

    def encode(self, prompts: list[str]) -> Int[Tensor, "B T"]:
        """Return the condition of each prompt: the id of its class, or the ids of its words.

        Raises:
            BadInput: a class or a word is unknown, or the model is unconditional.
        """
        if self.prompts is None:
            raise BadInput(f"this model is unconditional and takes no prompt, got {prompts[0]!r}")
        return self.prompts.encode(prompts)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes; none if the model has no classes."""
        return self.prompts.names if isinstance(self.prompts, LabelNames) else ()

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

    @torch.no_grad()
    def to_images(self, samples: Float[Tensor, "B *D"]) -> Float[Tensor, "B C height width"]:
        """Return samples as images; latents are decoded first."""
        if self.vae is None:
            return samples
        return self.vae.decode_scaled(samples.to(self.vae.latent_mean.device)).clamp(-1, 1).cpu()


def draw_samples(
    model: ImageModel, condition: Int[Tensor, "N T"], plan: SamplingPlan, seed: int
) -> Float[Tensor, "N C height width"]:
    """Draw an image for each row of the condition."""
    generator = torch.Generator().manual_seed(seed)
    batches = condition.split(BATCH_SIZE)
    return torch.cat([model.to_images(model.sample(each, plan, generator)) for each in batches])


def draw_captions(
    model: ImageModel, plan: SamplingPlan, seed: int
) -> Callable[[list[str]], Float[Tensor, "N C height width"]]:
    """Return a function that draws an image for each caption."""
    return lambda captions: draw_samples(model, model.encode(captions), plan, seed)


def load_run(path: Path, device: torch.device | None = None) -> ImageModel:
    """Load the model of a run.

    Raises:
        BadInput: there is no run in the folder, or it has no intact checkpoint.
    """
    config, folder = TrainConfig.saved(path), DiffusionFolder(path)
    flow = load_flow_model(folder, device)
    network = folder.flow_model_config().network
    if isinstance(network, PointNetworkConfig):
        shape = (network.d_point,)
    else:
        shape = (network.n_channels, network.size, network.size)
    vae = load_vae(folder.vae).vae.to(device) if config.vae else None
    return ImageModel(flow, shape, folder.read_prompts(), vae)
