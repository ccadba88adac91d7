"""The scale of latents: a diffusion model expects mean 0 and standard deviation 1 per channel.

The noise of flow matching has standard deviation 1. Latents of another scale would shift the range
of times at which there is something to learn (Rombach et al. 2022, appendix G). So mean and
standard deviation of each channel are measured once over a data set and stored in the autoencoder.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.vae.vae import VAE


class LatentStatistics(NamedTuple):
    """Mean and standard deviation of each latent channel."""

    mean: Float[Tensor, " Z"]
    std: Float[Tensor, " Z"]


def latent_statistics(latents: Float[Tensor, "N Z h w"]) -> LatentStatistics:
    """Return mean and standard deviation per channel, over all images and positions.

    The variance is a mean over positions and not a sum, so it does not grow with the image.
    """
    latents = latents.double()
    mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3), correction=0)
    return LatentStatistics(mean.float(), std.float())


@torch.no_grad()
def measure_latents(
    vae: VAE, images: Float[Tensor, "N C height width"], batch_size: int = 256
) -> LatentStatistics:
    """Measure the mean latents of a data set, before any scaling."""
    return latent_statistics(
        torch.cat([vae.encode(batch).mean for batch in images.split(batch_size)])
    )


def set_latent_scale(vae: VAE, statistics: LatentStatistics) -> None:
    """Store the scale in the autoencoder, where `encode_scaled` and `decode_scaled` read it."""
    vae.latent_mean.copy_(statistics.mean)
    vae.latent_scale.copy_(statistics.std)
