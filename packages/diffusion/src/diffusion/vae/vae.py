r"""The variational autoencoder: an encoder to a normal distribution, and a decoder.

    q(z | x) = N(mean(x), variance(x)),   z = mean + std * e      (Kingma and Welling 2014, eq. 10)

The noise e is an input, so gradients reach the encoder through mean and std. The architecture is
that of latent diffusion (Rombach et al. 2022, appendix E.1).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diffusion.vae.layers import DoubleSize, HalfSize, ResidualBlock, middle_layers, output_layers
from gpt.errors import BadInput


@dataclass(frozen=True)
class VAEConfig:
    """Shape of an autoencoder."""

    n_channels: int = 3
    """Numbers per pixel of an image: 1 for grey, 3 for colour."""
    latent_channels: int = 4
    """Numbers per position of a latent image. More keep more detail and are harder to generate."""
    stage_channels: tuple[int, ...] = (32, 64, 64)
    """Channels of each stage, from the image to the latent. Every stage but the last halves it."""
    n_blocks: int = 1
    """Residual blocks per stage of the encoder; the decoder has one more. More learn more."""
    n_groups: int = 8
    """Groups of channels that are normalised together."""
    attention: bool = True
    """Let the positions of the smallest stage attend to each other."""

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            BadInput: a number is below 1, or the channels do not form groups.
        """
        for name in ("n_channels", "latent_channels", "n_blocks", "n_groups"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        stages = self.stage_channels
        if not stages or any(n < 1 or n % self.n_groups for n in stages):
            raise BadInput(f"stage_channels must be multiples of {self.n_groups}, got {stages}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "VAEConfig":
        """Return the config from the plain values that `dataclasses.asdict` makes of one."""
        return cls(**{**values, "stage_channels": tuple(values["stage_channels"])})

    @property
    def factor(self) -> int:
        """Pixels of the image per position of the latent, in each direction."""
        return 2 ** (len(self.stage_channels) - 1)


class LatentDistribution(NamedTuple):
    """A normal distribution for each number of a latent image."""

    mean: Float[Tensor, "B Z h w"]
    log_variance: Float[Tensor, "B Z h w"]

    def sample(self, noise: Float[Tensor, "B Z h w"]) -> Float[Tensor, "B Z h w"]:
        """Return mean + std * noise."""
        return self.mean + (self.log_variance / 2).exp() * noise

    def kl(self) -> Float[Tensor, " B"]:
        r"""Return the KL divergence from the standard normal, in nats per image.

        KL = 1/2 sum(mean^2 + variance - 1 - log variance)    (Kingma and Welling 2014, appendix B)
        """
        terms = self.mean.square() + self.log_variance.exp() - 1 - self.log_variance
        return terms.flatten(1).sum(dim=1) / 2


class Reconstruction(NamedTuple):
    """Decoded images, and the distribution that their latents were drawn from."""

    images: Float[Tensor, "B C height width"]
    distribution: LatentDistribution


class VAE(nn.Module):
    """Encoder and decoder, and the scale of the latents (see `latents`)."""

    latent_mean: Float[Tensor, " Z"]
    latent_scale: Float[Tensor, " Z"]

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        z, stages, n_groups = config.latent_channels, config.stage_channels, config.n_groups
        n, smallest = stages[0], stages[-1]
        self.encoder = nn.Sequential(nn.Conv2d(config.n_channels, n, 3, padding=1))
        for number, n_next in enumerate(stages):
            for _ in range(config.n_blocks):
                self.encoder.append(ResidualBlock(n, n_next, n_groups))
                n = n_next
            if number < len(stages) - 1:
                self.encoder.append(HalfSize(n))
        self.encoder.extend(middle_layers(smallest, n_groups, config.attention))
        self.encoder.extend(output_layers(smallest, 2 * z, n_groups))
        self.to_distribution = nn.Conv2d(2 * z, 2 * z, 1)
        self.from_latent = nn.Conv2d(z, z, 1)
        self.decoder = nn.Sequential(nn.Conv2d(z, smallest, 3, padding=1))
        self.decoder.extend(middle_layers(smallest, n_groups, config.attention))
        for number, n_next in enumerate(reversed(stages)):
            for _ in range(config.n_blocks + 1):
                self.decoder.append(ResidualBlock(n, n_next, n_groups))
                n = n_next
            if number < len(stages) - 1:
                self.decoder.append(DoubleSize(n))
        self.decoder.extend(output_layers(n, config.n_channels, n_groups))
        self.register_buffer("latent_mean", torch.zeros(z))
        self.register_buffer("latent_scale", torch.ones(z))

    def encode(self, images: Float[Tensor, "B C height width"]) -> LatentDistribution:
        """Return the distribution of the latents; the log variance is limited to [-30, 20]."""
        # the layout in which torch's convolutions are fastest; outputs keep it
        images = images.contiguous(memory_format=torch.channels_last)
        mean, log_variance = self.to_distribution(self.encoder(images)).chunk(2, dim=1)
        return LatentDistribution(mean, log_variance.clamp(-30, 20))

    def decode(self, latents: Float[Tensor, "B Z h w"]) -> Float[Tensor, "B C height width"]:
        """Return the images of latents, about in [-1, 1]."""
        latents = latents.contiguous(memory_format=torch.channels_last)
        return self.decoder(self.from_latent(latents))

    def forward(
        self, images: Float[Tensor, "B C height width"], noise: Float[Tensor, "B Z h w"]
    ) -> Reconstruction:
        """Encode images, draw latents with the noise, and decode these."""
        distribution = self.encode(images)
        return Reconstruction(self.decode(distribution.sample(noise)), distribution)

    def encode_scaled(self, images: Float[Tensor, "B C height width"]) -> Float[Tensor, "B Z h w"]:
        """Return the mean latents with mean 0 and standard deviation 1 per channel."""
        mean, scale = self.latent_mean[:, None, None], self.latent_scale[:, None, None]
        return (self.encode(images).mean - mean) / scale

    def decode_scaled(self, latents: Float[Tensor, "B Z h w"]) -> Float[Tensor, "B C height width"]:
        """Return the images of latents in the scale of `encode_scaled`."""
        mean, scale = self.latent_mean[:, None, None], self.latent_scale[:, None, None]
        return self.decode(latents * scale + mean)
