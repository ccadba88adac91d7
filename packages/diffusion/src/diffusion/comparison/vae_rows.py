"""Rows of the autoencoder: encoding, decoding and their gradients, against `AutoencoderKL`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffusion.comparison.dit_rows import gradients
from diffusion.vae.diffusers_weights import from_autoencoder_kl
from diffusion.vae.vae import VAE, VAEConfig
from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.model.fast.choose import use_fast_layers

VAE_TOLERANCE = 1e-5
VAE_FLOOR = 1.0
COMPARED_VAE = VAEConfig()
N_ENCODED, SIZE = 16, 32


def random_vae() -> VAE:
    """Make an autoencoder none of whose weights is 0 or 1."""
    vae = VAE(COMPARED_VAE).eval()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return vae


def vae_rows(timed: bool) -> list[ComparisonRow]:
    """Compare encoding, decoding, and the gradients of both together."""
    from diffusion import baselines

    ours = random_vae()
    library: Any = baselines.to_library_vae(ours)
    images = torch.rand(N_ENCODED, COMPARED_VAE.n_channels, SIZE, SIZE) * 2 - 1
    side = SIZE // COMPARED_VAE.factor
    latents = torch.randn(N_ENCODED, COMPARED_VAE.latent_channels, side, side)

    def our_moments() -> Tensor:
        return torch.cat(ours.encode(images), dim=1)

    def their_moments() -> Tensor:
        found = library.encode(images).latent_dist
        return torch.cat([found.mean, found.logvar], dim=1)

    what = f"{N_ENCODED} images of {SIZE} x {SIZE}"
    outputs = [ours.decode(our_moments()[:, : latents.shape[1]]).square().mean()]
    outputs += [library.decode(their_moments()[:, : latents.shape[1]]).sample.square().mean()]
    for output in outputs:
        output.backward()
    their_gradients = from_autoencoder_kl(gradients(library), COMPARED_VAE)
    difference = max_abs_difference_by_name(gradients(ours), their_gradients)
    use_fast_layers(ours)
    return [
        vae_row(f"VAE, gradients of encoding and decoding {what}", difference),
        timed_vae_row(f"VAE, encoding {what}", our_moments, their_moments, timed),
        timed_vae_row(
            f"VAE, decoding {what}",
            lambda: ours.decode(latents),
            lambda: library.decode(latents).sample,
            timed,
        ),
    ]


def vae_row(name: str, difference: float) -> ComparisonRow:
    """Return a row without times."""
    from diffusion import baselines

    return ComparisonRow(name, baselines.library_version("diffusers"), difference, VAE_TOLERANCE)


@torch.inference_mode()
def timed_vae_row(
    name: str, ours: Callable[[], Tensor], theirs: Callable[[], Tensor], timed: bool
) -> ComparisonRow:
    """Compare two outputs, and the times of computing them."""
    from diffusion import baselines

    return ComparisonRow(
        name,
        baselines.library_version("diffusers"),
        max_abs_difference(ours(), theirs()),
        VAE_TOLERANCE,
        *(time_interleaved(ours, theirs, repeats=9) if timed else (None, None)),
        VAE_FLOOR if timed else None,
    )
