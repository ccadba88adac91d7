"""`diffusion train`: train a flow model, an autoencoder or a CLIP in a run folder."""

import json
import shlex

from diffusion.training.clip_run import create_clip_run, finish_clip, train_clip
from diffusion.training.flow_run import create_flow_run, train_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig
from diffusion.training.vae_run import create_vae_run, finish_vae, train_vae
from gpt.plots import save_loss_plot
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun

STAGES = {
    "pixel": (create_flow_run, train_flow_model),
    "vae": (create_vae_run, train_vae),
    "clip": (create_clip_run, train_clip),
    "latent": (create_flow_run, train_flow_model),
}
"""Functions that create the run of a stage, and train its model."""


def run(config: TrainConfig) -> int:
    """Train the model of a stage, plot its loss, and report its quality and the next command."""
    config.refuse_contradictions()
    create_run, train_model = STAGES[config.stage]
    with TrainingRun(config) as run:
        folder = DiffusionFolder(run.folder.path)
        with run.setup() as is_first:
            if is_first and config.resume is None:
                create_run(folder, config)
        train_model(run, config)
        if run.is_finished:
            report_finished_run(folder, config)
    return run.status


def report_finished_run(folder: DiffusionFolder, config: TrainConfig) -> None:
    """Write the loss plot and the model file of a run; print its measures and the next command."""
    records, path = folder.read_log(), shlex.quote(str(folder.path))
    save_loss_plot(folder.path / "loss.png", records, {}, ylabel="loss")
    validations = [each["validation"] for each in records if each["validation"] is not None]
    keeps_best = config.stage in ("vae", "clip")  # a flow model is kept as it is at the end
    loss = min(validations) if keeps_best else validations[-1]
    report = {"run": str(folder.path), "validation_loss": loss}
    next_command = f"sample from it: diffusion sample --run {path}"
    if config.stage == "vae":
        quality = finish_vae(folder, config)
        report |= quality._asdict()
        report_message(
            f"reconstructions of held-out images: PSNR {quality.psnr:.1f} dB, "
            f"mean absolute error {quality.l1:.3f}"
        )
        next_command = (
            "train a flow model of its latents: "
            f"diffusion train --task {config.task} --stage latent --vae {path}"
        )
    elif config.stage == "clip":
        rates = finish_clip(folder, config)
        report |= {"right_captions": rates._asdict()}
        report_message(
            f"right captions found: {rates.train:.1%} of training images, "
            f"{rates.held_out:.1%} of held-out ones"
        )
        next_command = (
            f"use its captions: diffusion train --task {config.task} --condition text --clip {path}"
        )
    if config.json:
        print(json.dumps(report))
    report_message(f"the run is in {path}; {next_command}")
