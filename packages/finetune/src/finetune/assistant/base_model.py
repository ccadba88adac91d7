"""The small base model that the commands start from, trained on the documentation of this Python.

Documents that contain the answer to a held-out question are dropped from its text, so that the
questions stay unseen (compare Brown et al. 2020, appendix C).
"""

from dataclasses import replace
from pathlib import Path

from finetune.datasets.tasks import question_task
from gpt.errors import BadInput
from gpt.pretraining import TrainConfig, create_run, pretrain
from gpt.runs.checkpoints import checkpoint_files, newest_checkpoint
from gpt.runs.folder import RunFolder
from gpt.runs.processes import n_processes
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.text.corpus import python_documentation
from gpt.text.documents import DocumentSplit, split_documents
from gpt.training.recipes import FAST_RECIPE

BASE_NAME = "base"


def base_config(runs: Path, steps: int = 600, device: str = "auto", seed: int = 0) -> TrainConfig:
    """Return the options of the base model's training, which takes minutes on two cores."""
    return TrainConfig(
        loop=replace(FAST_RECIPE.loop, steps=steps, seed=seed, save_every=100),
        preset="small",
        name=BASE_NAME,
        runs=runs,
        device=device,
        overwrite=True,
    )


def ensure_base(config: TrainConfig) -> Path:
    """Return the folder of the base model; train it now if it is missing or unfinished.

    Raises:
        BadInput: the base model is missing, and this is one of several processes.
        KeyboardInterrupt: Ctrl-C stopped the training; the next call resumes it.
    """
    if steps_done(config.folder) >= config.loop.steps:
        return config.folder.path
    if n_processes() > 1:
        raise BadInput("the base model is not trained yet; run the command once without torchrun")
    with TrainingRun(config) as run:
        if not run.folder.config.is_file():
            report_message("training a small base model on the documentation of this Python")
            create_run(run.folder, config, base_text())
        pretrain(run, config)
        if not run.is_finished:
            raise KeyboardInterrupt
    return run.folder.path


def steps_done(folder: RunFolder) -> int:
    """Return how many steps were done when the newest checkpoint was saved."""
    if not checkpoint_files(folder.checkpoints):
        return 0
    found = newest_checkpoint(folder.checkpoints)
    return found[0].values["step"] if found else 0


def base_text() -> DocumentSplit:
    """Return the documentation without the answers to the held-out questions."""
    answers = [question.answer.removesuffix(".") for question in question_task().held_out]
    clean = []
    for text in python_documentation():
        flat = " ".join(text.split())
        if not any(answer in flat for answer in answers):
            clean.append(text)
    return split_documents(clean, 0.05, seed=0)
