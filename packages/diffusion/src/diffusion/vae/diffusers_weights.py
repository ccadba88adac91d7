"""Converting an autoencoder from and to the layout of `AutoencoderKL` in diffusers.

Names differ, and the attention: diffusers has separate matrices for queries, keys and values, where
ours stacks their rows in one. Gradients have the layout of their weights, so the same table
converts them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from diffusion.vae.vae import VAEConfig
from gpt.errors import BadInput

RESIDUAL_BLOCK = {
    "norm_1": "norm1",
    "convolution_1": "conv1",
    "norm_2": "norm2",
    "convolution_2": "conv2",
    "skip": "conv_shortcut",
}

ModuleNames = dict[str, tuple[str, ...]]
"""Layers of one of our modules, and the layers of diffusers that their rows are stacked from."""


class LayerName(NamedTuple):
    """A layer of ours, and the layers of diffusers that its rows are stacked from."""

    ours: str
    theirs: tuple[str, ...]


def residual_block_names(theirs: str) -> ModuleNames:
    """Return the layers of a residual block."""
    return {ours: (f"{theirs}.{name}",) for ours, name in RESIDUAL_BLOCK.items()}


def middle_names(config: VAEConfig) -> list[ModuleNames]:
    """Return the modules at the smallest size."""
    first, last = (residual_block_names(f"mid_block.resnets.{number}") for number in range(2))
    theirs = "mid_block.attentions.0"
    attention = {
        "norm": (f"{theirs}.group_norm",),
        "attention.qkv": tuple(f"{theirs}.to_{each}" for each in "qkv"),
        "attention.output": (f"{theirs}.to_out.0",),
    }
    return [first, attention, last] if config.attention else [first, last]


def stage_names(config: VAEConfig, direction: str, n_blocks: int) -> list[ModuleNames]:
    """Return the modules of all stages on the way "down" or "up"."""
    modules = []
    for stage in range(len(config.stage_channels)):
        theirs = f"{direction}_blocks.{stage}"
        blocks = range(n_blocks)
        modules += [residual_block_names(f"{theirs}.resnets.{number}") for number in blocks]
        if stage < len(config.stage_channels) - 1:
            modules.append({"convolution": (f"{theirs}.{direction}samplers.0.conv",)})
    return modules


def layer_names(config: VAEConfig) -> Iterator[LayerName]:
    """Yield all layers in the order of `VAE`; a skip that a block does not have is among them."""
    down = stage_names(config, "down", config.n_blocks)
    up = stage_names(config, "up", config.n_blocks + 1)
    middle = middle_names(config)
    first: ModuleNames = {"": ("conv_in",)}
    # normalisation, activation (without weights), convolution
    last: list[ModuleNames] = [{"": ("conv_norm_out",)}, {}, {"": ("conv_out",)}]
    halves = {"encoder": [first, *down, *middle, *last], "decoder": [first, *middle, *up, *last]}
    for half, modules in halves.items():
        for number, names in enumerate(modules):
            for ours, theirs in names.items():
                layer = f"{half}.{number}.{ours}".removesuffix(".")
                yield LayerName(layer, tuple(f"{half}.{name}" for name in theirs))
    yield LayerName("to_distribution", ("quant_conv",))
    yield LayerName("from_latent", ("post_quant_conv",))


def from_autoencoder_kl(state_dict: dict[str, Tensor], config: VAEConfig) -> dict[str, Tensor]:
    """Convert weights (or gradients) of `AutoencoderKL` by name to our names and layouts.

    Raises:
        BadInput: there is an unknown tensor. A missing one is found when the weights are loaded.
    """
    remaining, ours = dict(state_dict), {}
    for layer in layer_names(config):
        for kind in ("weight", "bias"):
            names = [f"{name}.{kind}" for name in layer.theirs]
            if all(name in remaining for name in names):
                parts = [remaining.pop(name) for name in names]
                ours[f"{layer.ours}.{kind}"] = torch.cat(parts) if len(parts) > 1 else parts[0]
    if remaining:
        raise BadInput(f"the autoencoder has an unknown tensor {min(remaining)!r}")
    return ours


def to_autoencoder_kl(weights: dict[str, Tensor], config: VAEConfig) -> dict[str, Tensor]:
    """Convert our weights (or gradients) by name to those of `AutoencoderKL`; buffers are left out.

    The buffers are settings in diffusers: see `diffusers_folder`.
    """
    theirs = {}
    for layer in layer_names(config):
        for kind in ("weight", "bias"):
            if (name := f"{layer.ours}.{kind}") in weights:
                parts = weights[name].chunk(len(layer.theirs))
                for their_name, part in zip(layer.theirs, parts, strict=True):
                    theirs[f"{their_name}.{kind}"] = part.contiguous()
    return theirs
