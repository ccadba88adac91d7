"""`gpt train`: from a text to a trained model in a run folder."""

import shlex
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from gpt.commands.eval import evaluate_run, print_evaluation
from gpt.commands.train_config import TrainConfig
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.scores import negative_log_likelihoods
from gpt.model.gpt import GPT, GPTConfig
from gpt.plots import save_loss_plot
from gpt.runs.checkpoints import checkpoint_files
from gpt.runs.endings import report_full_disk, report_lost_process
from gpt.runs.folder import TRAIN_COMMAND, RunFolder
from gpt.runs.processes import (
    local_device,
    local_rows,
    n_processes,
    process_group,
    rank,
    run_on_rank_zero_first,
)
from gpt.runs.progress import report_message
from gpt.runs.resume import read_saved_config, refuse_changes, refuse_existing_run
from gpt.runs.training_run import PreparedLoop, load_last_checkpoint, run_loop
from gpt.text.documents import DocumentSplit, documents_sha256, load_documents, split_documents
from gpt.text.token_files import Batch, RandomWindows, encode_documents, micro_batches, save_tokens
from gpt.text.tokenizers import (
    BytePairTokenizer,
    CharacterTokenizer,
    Tokenizer,
    save_tokenizer,
)
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import train

COMMAND = TRAIN_COMMAND


def run(config: TrainConfig) -> int:
    """Train, then say how good the model is beside n-gram models of the same text."""
    device = local_device(pick_device(config.device))
    folder = RunFolder(config.resume or config.runs / config.name)
    with report_full_disk(folder, COMMAND):
        with report_lost_process(folder, COMMAND), process_group(device):
            run_on_rank_zero_first(partial(prepare_run, folder, config))
            status, first = train_in_folder(folder, config, device), rank() == 0
        return report_run(folder, config, device) if first and status == 0 else status


def prepare_run(folder: RunFolder, config: TrainConfig) -> None:
    """Start the run's folder, or see whether it can be gone on with."""
    local_rows(range(config.batch_size))  # one for each process, or nothing is written
    if config.resume is None:
        refuse_existing_run(folder, config.overwrite)
        create_run(folder, config, load_text_split(config))
        return
    saved = read_saved_config(TrainConfig, config.resume, COMMAND)
    refuse_changes(replace(saved, data=config.data), config)
    if config.data is not None:
        refuse_another_text(folder, config)


def refuse_another_text(folder: RunFolder, config: TrainConfig) -> None:
    """Refuse a text other than the one the run was started with; its path may differ."""
    text = load_text_split(config)
    if folder.read_config()["text_sha256"] != documents_sha256(text.train + text.validation):
        raise BadInput(
            f"{config.data!r} is not the text that {str(folder.path)!r} was trained on; "
            "leave --data out to go on with the run's own tokens"
        )


def load_text_split(config: TrainConfig) -> DocumentSplit:
    """Load the corpus and set the validation documents aside."""
    notes: list[str] = []
    documents = load_documents(str(config.data), config.max_characters, notes)
    for note in notes:
        report_message(note)
    split = split_documents(documents, config.validation_share, config.loop.seed)
    if not split.validation:
        raise BadInput(f"{config.data!r} is too short to set a validation text aside")
    return split


def create_run(folder: RunFolder, config: TrainConfig, text: DocumentSplit) -> None:
    """Make the tokenizer, the token files and the config of a new run.

    All of it is computed before anything is written, so a text that cannot be used leaves no trace.
    """
    tokenizer = train_tokenizer(config, text)
    model_config = config.model(tokenizer.vocab_size)
    streams = [encode_documents(tokenizer, documents) for documents in text]
    for stream in streams:  # both must fill a window
        RandomWindows(stream, model_config.context, config.batch_size, config.loop.seed)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.config.unlink(missing_ok=True)
    for old in [folder.log, *checkpoint_files(folder.checkpoints)]:
        old.unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, tokenizer)
    save_tokens(folder.train_tokens, streams[0])
    save_tokens(folder.validation_tokens, streams[1])
    command = asdict(config) | {"runs": str(config.runs), "resume": None}
    folder.write_config(model_config, documents_sha256(text.train + text.validation), command)


def train_tokenizer(config: TrainConfig, text: DocumentSplit) -> Tokenizer:
    """BPE learns from the training text; characters are taken from all of it."""
    if config.tokenizer == "bpe":
        return BytePairTokenizer.train(text.train, config.vocab_size)
    return CharacterTokenizer.train(text.train + text.validation)


def train_in_folder(folder: RunFolder, config: TrainConfig, device: torch.device) -> int:
    """Run the loop in this folder. Returns the exit status."""
    return run_loop(folder, partial(make_training_loop, folder, config, device), COMMAND)


def make_training_loop(
    folder: RunFolder, config: TrainConfig, device: torch.device
) -> PreparedLoop:
    """The loop over this folder's batches, from its newest checkpoint."""
    model_config = GPTConfig(**folder.read_config()["model"])
    torch.manual_seed(config.loop.seed)
    model = GPT(model_config).to(device)
    tokens, validation = folder.tokens(model_config.vocab_size)
    windows = RandomWindows(tokens, model_config.context, config.batch_size, config.loop.seed)

    def batches(step: int) -> list[Batch]:
        batch = Batch(*map(local_rows, windows(step))).to(device)
        return micro_batches(batch, config.micro_batch or config.batch_size)

    def validate(model: nn.Module) -> float:
        return float(negative_log_likelihoods(model, validation, model_config.context).mean())

    start, done = load_last_checkpoint(folder)
    return PreparedLoop(
        train(model, batches, next_token_loss, config.loop, validate, start, folder.checkpoints),
        done,
        config.loop.steps,
        f"{model.n_parameters():,} parameters on {n_processes()} x {device.type}",
        config.batch_size * model_config.context,
    )


def report_run(folder: RunFolder, config: TrainConfig, device: torch.device) -> int:
    """Score the model, plot the losses, report."""
    report = evaluate_run(folder, device)
    plot_run_losses(folder, report)
    print_evaluation(report, config.json)
    run = shlex.quote(str(folder.path))
    report_message(f"the run is in {run}; sample from it with: gpt sample --run {run}")
    return 0


def plot_run_losses(folder: RunFolder, report: dict[str, Any]) -> None:
    """Draw the losses of the run beside those of the n-gram models."""
    ngrams = {name: each["loss"] for name, each in report["models"].items() if name != "gpt"}
    save_loss_plot(folder.path / "loss.png", folder.records(), ngrams)
