"""The small model that the commands begin with: trained here, on the documentation of this Python.

What the held-out questions ask about is left out of its text: a document that holds one of their
answers is dropped, as contamination is fought in large corpora (Brown et al. 2020, appendix C).
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
    """How the base is trained: minutes on two cores."""
    return TrainConfig(
        loop=replace(FAST_RECIPE.loop, steps=steps, seed=seed, save_every=100),
        preset="small",
        name=BASE_NAME,
        runs=runs,
        device=device,
        overwrite=True,
    )


def ensure_base(config: TrainConfig) -> Path:
    """The folder of the trained base; trained now if it is not there, or not finished.

    Raises:
        KeyboardInterrupt: it was stopped; the next call goes on.
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
    """How far the base is."""
    if not checkpoint_files(folder.checkpoints):
        return 0
    found = newest_checkpoint(folder.checkpoints)
    return found[0].values["step"] if found else 0


def base_text() -> DocumentSplit:
    """The documentation without what answers the held-out questions."""
    answers = [question.answer.removesuffix(".") for question in question_task().held_out]
    clean = []
    for text in python_documentation():
        flat = " ".join(text.split())
        if not any(answer in flat for answer in answers):
            clean.append(text)
    return split_documents(clean, 0.05, seed=0)
