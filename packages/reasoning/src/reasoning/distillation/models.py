"""Teacher and student of a distillation: models of this package, by name or by folder."""

import dataclasses
from pathlib import Path

from gpt.errors import BadInput
from gpt.runs.checkpoints import checkpoint_files, newest_checkpoint
from gpt.runs.folder import RunFolder
from gpt.runs.processes import n_processes
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from reasoning.start.run import START_LOOP, StartConfig, create_run, train_start_model


def student_config(runs: Path, d_model: int, n_layers: int, steps: int, device: str) -> StartConfig:
    """Return the options to train a small model without a teacher; they name its folder."""
    return StartConfig(
        loop=dataclasses.replace(START_LOOP, steps=steps, save_every=100),
        name=f"student-{d_model}x{n_layers}-{steps}",
        runs=runs,
        d_model=d_model,
        n_layers=n_layers,
        device=device,
        overwrite=True,
    )


def ensure_student(config: StartConfig) -> Path:
    """Return the folder of a small model; train it now if it is missing or unfinished.

    Raises:
        BadInput: it is missing, and this is one of several processes.
        KeyboardInterrupt: Ctrl-C stopped the training; the next call resumes it.
    """
    folder = config.folder
    if steps_of(folder) >= config.loop.steps:
        return folder.path
    if n_processes() > 1:
        raise BadInput("the student is not trained yet; run the command once without torchrun")
    with TrainingRun(config) as run:
        if not folder.config.is_file():
            report_message(f"training a student of width {config.d_model}, before any distillation")
            create_run(folder, config)
        train_start_model(run, config)
        if not run.is_finished:
            raise KeyboardInterrupt
    return folder.path


def steps_of(folder: RunFolder) -> int:
    """Return after how many steps the newest checkpoint of a run was saved; 0 without one."""
    found = newest_checkpoint(folder.checkpoints) if checkpoint_files(folder.checkpoints) else None
    return found[0].values["step"] if found else 0
