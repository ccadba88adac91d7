"""`diffusion train`: train a flow model, an autoencoder or a CLIP in a run folder."""

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
    """Train the model of a stage, plot its loss, and say what can be done with it."""
    config.refuse_contradictions()
    create_run, train_model = STAGES[config.stage]
    with TrainingRun(config) as run:
        folder = DiffusionFolder(run.folder.path)
        with run.setup() as is_first:
            if is_first and config.resume is None:
                create_run(folder, config)
        train_model(run, config)
        if run.is_finished:
            save_loss_plot(folder.path / "loss.png", folder.read_log(), {})
            for line in finish(folder, config):
                report_message(line)
    return run.status


def finish(folder: DiffusionFolder, config: TrainConfig) -> list[str]:
    """Write the files of a finished run; return what it reached, and the next command."""
    path = shlex.quote(str(folder.path))
    if config.stage == "vae":
        quality = finish_vae(folder, config)
        return [
            f"reconstructions of held-out images: PSNR {quality.psnr:.1f} dB, "
            f"mean absolute error {quality.l1:.3f}",
            f"the run is in {path}; train a flow model of its latents: "
            f"diffusion train --task {config.task} --stage latent --vae {path}",
        ]
    if config.stage == "clip":
        rates = finish_clip(folder, config)
        return [
            f"right captions found: {rates.train:.1%} of training images, "
            f"{rates.held_out:.1%} of held-out ones",
            f"the run is in {path}; use its captions: "
            f"diffusion train --task {config.task} --condition text --clip {path}",
        ]
    return [f"the run is in {path}; sample from it: diffusion sample --run {path}"]
