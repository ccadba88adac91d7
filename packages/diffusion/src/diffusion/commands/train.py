"""`diffusion train`: train a flow model or an autoencoder in a run folder."""

import shlex

from diffusion.training.flow_run import create_flow_run, train_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig
from diffusion.training.vae_run import create_vae_run, finish_vae, train_vae
from gpt.plots import save_loss_plot
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun


def run(config: TrainConfig) -> int:
    """Train the model of a stage, plot its loss, and say what can be done with it."""
    is_vae = config.stage == "vae"
    create_run = create_vae_run if is_vae else create_flow_run
    train_stage = train_vae if is_vae else train_flow_model
    with TrainingRun(config) as run:
        folder = DiffusionFolder(run.folder.path)
        with run.setup() as is_first:
            if is_first and config.resume is None:
                create_run(folder, config)
        train_stage(run, config)
        if run.is_finished:
            save_loss_plot(folder.path / "loss.png", folder.read_log(), {})
            path = shlex.quote(str(folder.path))
            hint = f"sample from it: diffusion sample --run {path}"
            if is_vae:
                quality = finish_vae(folder, config)
                report_message(
                    f"reconstructions of held-out images: PSNR {quality.psnr:.1f} dB, "
                    f"mean absolute error {quality.l1:.3f}"
                )
                latent = f"diffusion train --task {config.task} --stage latent --vae {path}"
                hint = f"train a flow model of its latents: {latent}"
            report_message(f"the run is in {path}; {hint}")
    return run.status
