"""`diffusion export`: write a trained model for diffusers or open_clip, or as one file."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from diffusion.clip.file import load_clip
from diffusion.clip.open_clip_folder import save_open_clip
from diffusion.pretrained.export import export_diffusers
from diffusion.training.folder import DiffusionFolder
from diffusion.training.image_model import load_run
from diffusion.training.model_file import save_image_model
from diffusion.training.options import TrainConfig
from diffusion.vae.diffusers_folder import save_autoencoder_kl
from diffusion.vae.file import load_vae
from gpt.errors import BadInput
from gpt.files import read_json
from gpt.pretrained.export import refuse_nonempty_folder
from gpt.runs.progress import report_message


@dataclass(frozen=True)
class ExportConfig:
    """Write the model of a run into a folder that diffusers or open_clip opens, or into one file.

    A flow model becomes a transformer with its scheduler, and its autoencoder if it has one. An
    autoencoder becomes an AutoencoderKL, and a CLIP a model of open_clip. A file, whose name ends
    in .safetensors, is for `diffusion sample`: it holds a flow model of any kind in 16 bits per
    weight.
    """

    run: Path = Path("runs/diffusion")
    """Folder of the run."""
    output: Path = Path("exported")
    """Folder to write to, or a file NAME.safetensors for a flow model."""
    shift: float = 1.0
    """Shift of the sampling times towards the noise, which the scheduler's config stores; above 1,
    more steps are spent there."""
    overwrite: bool = False
    """Write to --output even if the folder is not empty or the file exists, replacing an earlier
    export."""


def run(config: ExportConfig) -> int:
    """Load the model of a run, write it, and say how to open it."""
    if config.output.suffix == ".safetensors":
        return export_file(config)
    refuse_nonempty_folder(config.output, config.overwrite)
    stage, folder = TrainConfig.saved(config.run).stage, DiffusionFolder(config.run)
    out = shlex.quote(str(config.output))
    if stage == "vae":
        save_autoencoder_kl(config.output, load_vae(folder.vae).vae)
        report_message(f"open it with: AutoencoderKL.from_pretrained({out!r})")
    elif stage == "clip":
        save_open_clip(config.output, load_clip(folder.clip).clip)
        report_message(f"open it with: open_clip.create_model({f'local-dir:{config.output}'!r})")
    else:
        model = load_run(config.run)
        export_diffusers(config.output, model.flow, model.vae, config.shift)
        report_message(f"{out}/README.md says how to sample from it with diffusers")
    return 0


def export_file(config: ExportConfig) -> int:
    """Write the flow model of a run into one file."""
    if config.output.exists() and not config.overwrite:
        raise BadInput(f"{str(config.output)!r} exists; replace it with --overwrite")
    evaluation = config.run / "eval.json"
    report = read_json(evaluation) if evaluation.is_file() else {}
    save_image_model(config.output, config.run, report)
    out = shlex.quote(str(config.output))
    report_message(f"sample from it: diffusion sample --run {out}")
    return 0
