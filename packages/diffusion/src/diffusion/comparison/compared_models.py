"""The models that are compared, with random weights, and a batch for each."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.model.conditions import LabelCondition, NoCondition
from diffusion.model.dit import DiT, DiTConfig

N_LABELS = 10


class ComparedShape(NamedTuple):
    """Shape of a model, and how many images a batch of it has."""

    config: DiTConfig
    batch_size: int

    def __str__(self) -> str:
        """Say the shape in words."""
        config, n_patches = self.config, self.config.patches_per_side**2
        return (
            f"{self.batch_size} images of {n_patches} patches, width {config.d_model}, "
            f"{config.n_layers} layers"
        )


COMPARED_SHAPES = {
    "digits": ComparedShape(DiTConfig(), 128),
    "latent": ComparedShape(
        DiTConfig(n_channels=4, size=16, n_layers=6, n_heads=4, d_model=256, d_ff=1024), 32
    ),
}
"""The model of the digits, and a larger one like those of latent images."""


class ComparedBatch(NamedTuple):
    """Random inputs of a model, and a target of its output."""

    x: Float[Tensor, "B C height width"]
    t: Float[Tensor, " B"]
    ids: Int[Tensor, "B T"]
    target: Float[Tensor, "B C height width"]


def random_dit(config: DiTConfig, has_labels: bool = True) -> DiT:
    """Make a DiT none of whose weights is 0: a new one predicts 0 whatever the blocks do."""
    condition = (
        LabelCondition(N_LABELS, config.d_model) if has_labels else NoCondition(config.d_model)
    )
    model = DiT(config, condition).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


def random_batch(shape: ComparedShape, has_labels: bool = True) -> ComparedBatch:
    """Draw a batch; some of its labels are the null label."""
    config, n = shape.config, shape.batch_size
    size = (n, config.n_channels, config.size, config.size)
    ids = torch.randint(0, N_LABELS + 1, (n, 1)) if has_labels else torch.zeros(n, 0).long()
    return ComparedBatch(torch.randn(size), torch.rand(n), ids, torch.randn(size))


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the loss of both sides."""
    return nn.functional.mse_loss(output, target)
