"""Folders in the layout of diffusers: `transformer/`, `scheduler/`, and `vae/` for latent models.

Each holds a `config.json` (the scheduler's has another name) and its weights as safetensors. The
README in the folder says how to sample with diffusers.
"""

import json
from pathlib import Path
from typing import NamedTuple

import safetensors.torch

from diffusion.model.dit import DiT
from diffusion.model.flow_model import FlowModel
from diffusion.pretrained.dit_weights import LibraryModel, dit_from_diffusers, dit_to_diffusers
from diffusion.vae.diffusers_folder import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    load_autoencoder_kl,
    save_autoencoder_kl,
)
from diffusion.vae.vae import VAE
from gpt.errors import BadInput
from gpt.files import JsonObject, read_json, write_atomically

SCHEDULER_CLASS = "FlowMatchEulerDiscreteScheduler"
README = """\
# A flow matching model for diffusers

Written by `insideout-diffusion`. It predicts the velocity from data to noise. Labels run from 0 to
{last}; the number {n_labels} means no label. To sample it, with guidance:

```python
import numpy as np, torch
from diffusers import DiTTransformer2DModel, FlowMatchEulerDiscreteScheduler

model = DiTTransformer2DModel.from_pretrained(".", subfolder="transformer").eval()
scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(".", subfolder="scheduler")
labels, weight, n_steps = torch.tensor([0]), 2.0, 50
both = torch.cat([labels, torch.full_like(labels, {n_labels})])
x = torch.randn(len(labels), {channels}, {size}, {size}, generator=torch.Generator().manual_seed(0))
scheduler.set_timesteps(sigmas=np.linspace(1, 1 / n_steps, n_steps))
for t in scheduler.timesteps:
    with torch.no_grad():
        v, v_null = model(torch.cat([x, x]), t.expand(len(both)), both).sample.chunk(2)
    x = scheduler.step(v_null + weight * (v - v_null), t, x).prev_sample
```

{result}
"""
PIXELS = "Now `x` holds the images, with numbers from -1 to 1."
LATENTS = """\
Now `x` holds latent images, and the decoder makes images of them, with numbers from -1 to 1:

```python
from diffusers import AutoencoderKL

vae = AutoencoderKL.from_pretrained(".", subfolder="vae").eval()
statistics = torch.tensor([vae.config.latents_mean, vae.config.latents_std])
mean, std = statistics[:, :, None, None]
with torch.no_grad():
    images = vae.decode(x * std + mean).sample
```"""


class DiffusersFolder(NamedTuple):
    """Content of a folder in the layout of diffusers."""

    model: FlowModel
    shift: float
    """Shift of the sampling times."""
    vae: VAE | None
    """Autoencoder of a latent model."""


def export_diffusers(
    folder: Path, model: FlowModel, vae: VAE | None = None, shift: float = 1.0
) -> None:
    """Write a model as a folder that diffusers opens.

    Args:
        folder: folder to write, which may exist.
        model: a velocity model whose network is a DiT with labels or without a condition.
        vae: the autoencoder of a latent model.
        shift: shift of the sampling times.

    Raises:
        BadInput: diffusers has no class for this model; nothing was written.
    """
    if not isinstance(model.network, DiT):
        name = type(model.network).__name__
        raise BadInput(f"only a DiT can be exported to diffusers, got a {name}")
    if model.target != "v":
        raise BadInput(
            "the schedulers of diffusers need a model that predicts the velocity; this model was "
            f"trained with target {model.target!r}"
        )
    library = dit_to_diffusers(model.network)
    scheduler = {"_class_name": SCHEDULER_CLASS, "num_train_timesteps": 1000, "shift": shift}
    n_labels = library.config["num_embeds_ada_norm"]
    readme = README.format(
        last=n_labels - 1,
        n_labels=n_labels,
        channels=library.config["in_channels"],
        size=library.config["sample_size"],
        result=PIXELS if vae is None else LATENTS,
    )
    write_library_model(folder / "transformer", library)
    if vae is not None:
        save_autoencoder_kl(folder / "vae", vae)
    write_config(folder / "scheduler" / "scheduler_config.json", scheduler)
    write_atomically(folder / "README.md", readme.encode())


def import_diffusers(folder: Path) -> DiffusersFolder:
    """Read a folder that `export_diffusers` or diffusers wrote.

    Raises:
        BadInput: a file is missing or damaged, or a model of another kind.
    """
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    if scheduler.get("_class_name") != SCHEDULER_CLASS:
        raise BadInput(
            f"the scheduler must be a {SCHEDULER_CLASS}, got {scheduler.get('_class_name')!r}"
        )
    shift = scheduler.get("shift", 1.0)
    if not isinstance(shift, int | float):
        raise BadInput(f"shift must be a number, got {shift!r}")
    vae = folder / "vae"
    return DiffusersFolder(
        FlowModel(dit_from_diffusers(read_library_model(folder / "transformer"))).eval(),
        float(shift),
        load_autoencoder_kl(vae) if vae.is_dir() else None,
    )


def write_library_model(folder: Path, model: LibraryModel) -> None:
    """Write the weights, then the config: a folder with a config is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    data = safetensors.torch.save(model.tensors, {"format": "pt"})
    write_atomically(folder / WEIGHTS_FILE, data)
    write_config(folder / CONFIG_FILE, model.config)


def read_library_model(folder: Path) -> LibraryModel:
    """Read the config and the weights of a model.

    Raises:
        BadInput: a file is missing or damaged.
    """
    config, path = read_json(folder / CONFIG_FILE), folder / WEIGHTS_FILE
    try:
        return LibraryModel(config, safetensors.torch.load_file(path))
    except FileNotFoundError as error:
        raise BadInput(
            f"{str(path)!r} is missing; weights are only read from safetensors files"
        ) from error
    except safetensors.SafetensorError as error:
        raise BadInput(f"{str(path)!r} is damaged: {error}") from error


def write_config(path: Path, config: JsonObject) -> None:
    """Write a JSON file, and its folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(config, indent=2) + "\n").encode())
