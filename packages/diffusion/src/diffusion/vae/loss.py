r"""The loss of the autoencoder, and the quality of its reconstructions.

    L = |x - y| + 0.1 (|dx/dh - dy/dh| + |dx/dw - dy/dw|) + kl_weight KL / n

x is an image of n numbers, y its reconstruction and |.| a mean over an image. The KL is in nats per
image. So n L is a negative evidence lower bound for Laplace noise of width kl_weight in the image,
plus the edge terms (Kingma and Welling 2014, eq. 8). A larger weight brings the latents nearer to
the standard normal and blurs the images.

L1 alone blurs edges, since a slightly displaced edge costs little. The differences between
neighbours are wrong on both sides of a blurred edge, so the edge terms make it expensive.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diffusion.vae.vae import VAE, VAEConfig
from gpt.errors import BadInput
from gpt.training.accumulation import LossSum

EDGE_WEIGHT = 0.1


class VAEBatch(NamedTuple):
    """Images with the random draws of training, and the KL weight of the step."""

    images: Float[Tensor, "B C height width"]
    noise: Float[Tensor, "B Z h w"]
    kl_weight: float

    def to(self, device: torch.device) -> "VAEBatch":
        """Return the batch on a device."""
        return VAEBatch(self.images.to(device), self.noise.to(device), self.kl_weight)

    def select(self, rows: slice) -> "VAEBatch":
        """Return some rows of the batch."""
        return VAEBatch(self.images[rows], self.noise[rows], self.kl_weight)


def kl_weight_at(step: int, peak: float, warmup_steps: int) -> float:
    """Return the KL weight of a step, which rises linearly from near 0 to its peak.

    At full weight from the first step, the KL removes the information from the latents before the
    decoder has learned to use it (Bowman et al. 2016, section 3.1).
    """
    return peak * min(1.0, (step + 1) / max(warmup_steps, 1))


def draw_vae_batch(
    images: Float[Tensor, "B C height width"],
    config: VAEConfig,
    kl_weight: float,
    generator: torch.Generator,
) -> VAEBatch:
    """Draw the noise of the latents for a batch of images.

    Raises:
        BadInput: the autoencoder cannot halve the images so often.
    """
    n_images, _, height, width = images.shape
    if height % config.factor or width % config.factor:
        raise BadInput(
            f"images of {height} x {width} pixels cannot be encoded: "
            f"height and width must be multiples of {config.factor}"
        )
    shape = (n_images, config.latent_channels, height // config.factor, width // config.factor)
    return VAEBatch(images, torch.randn(shape, generator=generator), kl_weight)


def edge_loss(
    a: Float[Tensor, "B C height width"], b: Float[Tensor, "B C height width"]
) -> Float[Tensor, " B"]:
    """Return the mean absolute error of the differences between vertical and horizontal neighbours.

    The two directions are added.
    """
    error = a - b  # the difference of differences is the difference of the error
    vertical, horizontal = error.diff(dim=2).abs(), error.diff(dim=3).abs()
    return vertical.mean(dim=(1, 2, 3)) + horizontal.mean(dim=(1, 2, 3))


def vae_loss(model: nn.Module, batch: VAEBatch) -> LossSum:
    """Return the loss per number of the images, summed over the numbers of the batch."""
    images, distribution = model(batch.images, batch.noise)
    images = images.float()
    n_numbers = batch.images[0].numel()
    l1 = (images - batch.images).abs().mean(dim=(1, 2, 3))
    loss = l1 + EDGE_WEIGHT * edge_loss(images, batch.images)
    loss = loss + batch.kl_weight * distribution.kl() / n_numbers
    return LossSum(n_numbers * loss.sum(), batch.images.numel())


def psnr(
    a: Float[Tensor, "B C height width"], b: Float[Tensor, "B C height width"]
) -> Float[Tensor, " B"]:
    r"""Return the peak signal-to-noise ratio of images in [-1, 1], in decibels; higher is nearer.

    PSNR = 10 log10(range^2 / mean((a - b)^2)),   range = 2
    """
    return 10 * (4 / (a - b).square().mean(dim=(1, 2, 3))).log10()


class ReconstructionQuality(NamedTuple):
    """Means over images that were encoded and decoded without noise."""

    psnr: float
    """Peak signal-to-noise ratio in decibels, averaged over images."""
    l1: float
    """Mean absolute error of a number; images are in [-1, 1]."""


@torch.no_grad()
def reconstruction_quality(
    vae: VAE, images: Float[Tensor, "N C height width"], batch_size: int = 256
) -> ReconstructionQuality:
    """Measure how well images survive encoding and decoding, cut to [-1, 1]."""
    ratios, errors = [], []
    for batch in images.split(batch_size):
        decoded = vae.decode(vae.encode(batch).mean).clamp(-1, 1)
        ratios.append(psnr(decoded, batch))
        errors.append((decoded - batch).abs().mean(dim=(1, 2, 3)))
    return ReconstructionQuality(torch.cat(ratios).mean().item(), torch.cat(errors).mean().item())
