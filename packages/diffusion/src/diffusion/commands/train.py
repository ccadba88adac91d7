"""`diffusion train`: train a flow model in a run folder."""

import shlex

from diffusion.training.flow_run import create_flow_run, train_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig
from gpt.plots import save_loss_plot
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun


def run(config: TrainConfig) -> int:
    """Train a model, then plot its loss."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                create_flow_run(DiffusionFolder(run.folder.path), config)
        train_flow_model(run, config)
        if run.is_finished:
            save_loss_plot(run.folder.path / "loss.png", run.folder.read_log(), {})
            path = shlex.quote(str(run.folder.path))
            report_message(f"the run is in {path}; sample from it: diffusion sample --run {path}")
    return run.status
