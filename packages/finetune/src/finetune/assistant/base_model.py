"""The small base model of the commands, trained on the documentation of the installed Python.

Documents that contain the answer to a held-out question are dropped, as in the decontamination of
large corpora (Brown et al. 2020, appendix C).
"""

from dataclasses import replace
from pathlib import Path

from finetune.datasets.tasks import question_task
from gpt.commands.train import create_run, train_in_folder
from gpt.commands.train_config import TrainConfig
from gpt.device import pick_device
from gpt.runs.checkpoints import checkpoint_files, newest_checkpoint
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.runs.training_run import INTERRUPTED_STATUS
from gpt.text.corpus import python_documentation
from gpt.text.documents import DocumentSplit, split_documents
from gpt.training.recipes import FAST_RECIPE

BASE_NAME = "base"


def base_config(runs: Path, steps: int = 600, device: str = "auto", seed: int = 0) -> TrainConfig:
    """Return the settings of the base, which trains in minutes on two cores."""
    return TrainConfig(
        loop=replace(FAST_RECIPE.loop, steps=steps, seed=seed, save_every=100),
        preset="small",
        name=BASE_NAME,
        runs=runs,
        device=device,
        overwrite=True,
    )


def ensure_base(config: TrainConfig) -> Path:
    """Return the folder of the trained base; train it first if it is missing or not finished.

    Raises:
        KeyboardInterrupt: training was interrupted; the next call resumes it.
    """
    folder = RunFolder(config.runs / config.name)
    if not folder.config.is_file():
        report_message("training a small base model on the documentation of this Python")
        create_run(folder, config, base_text())
    device, left = pick_device(config.device), config.loop.steps - steps_done(folder)
    if left > 0 and train_in_folder(folder, config, device) == INTERRUPTED_STATUS:
        raise KeyboardInterrupt
    return folder.path


def steps_done(folder: RunFolder) -> int:
    """Return the number of steps that the base was trained for."""
    if not checkpoint_files(folder.checkpoints):
        return 0
    found = newest_checkpoint(folder.checkpoints)
    return found[0].values["step"] if found else 0


def base_text() -> DocumentSplit:
    """Split the documentation, without documents that answer a held-out question."""
    answers = [question.answer.removesuffix(".") for question in question_task().held_out]
    clean = []
    for text in python_documentation():
        flat = " ".join(text.split())
        if not any(answer in flat for answer in answers):
            clean.append(text)
    return split_documents(clean, 0.05, seed=0)
