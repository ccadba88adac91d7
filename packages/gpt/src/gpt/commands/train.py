"""`gpt train`: from a text to a trained model in a run folder."""

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from torch import nn

from gpt.commands.eval import compare_with_ngrams, print_report
from gpt.commands.interrupt import FirstInterrupt
from gpt.commands.progress import say, track
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.scores import surprises
from gpt.model.gpt import GPT, GPTConfig
from gpt.model.presets import PRESETS, preset
from gpt.plots import save_loss_plot
from gpt.runs import RunFolder, load_model
from gpt.text.documents import Split, digest, load_documents, split_documents
from gpt.text.token_files import Batch, RandomWindows, encode_documents, micro_batches, save_tokens
from gpt.text.tokenizers import (
    BytePairTokenizer,
    CharacterTokenizer,
    Tokenizer,
    save_tokenizer,
)
from gpt.training.accumulation import next_token_loss
from gpt.training.checkpoints import newest_checkpoint
from gpt.training.loop import LoopConfig, Record, train


@dataclass(frozen=True)
class TrainConfig:
    """Train a GPT on a text; with no options, on the documentation inside this Python."""

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = dataclasses.field(default_factory=LoopConfig)
    data: str = "python"
    """`python` (its documentation), a text file, a folder of text files, or hub:OWNER/NAME."""
    max_characters: int = 50_000_000
    """Where a larger source is cut off."""
    validation_share: float = 0.1
    """Share of the text, in whole documents, that is never trained on."""
    tokenizer: Literal["bpe", "character"] = "bpe"
    """Byte-pair encoding trained on the text, or one token a character."""
    vocab_size: int = 1024
    """Tokens of the BPE; on two megabytes more of them are too rare to learn."""
    preset: str = "small"
    """Shape of the model: nano, tiny, small or gpt2. The options below change parts of it."""
    context: int | None = None
    """Longest sequence, in tokens."""
    n_layers: int | None = None
    """Blocks in the stack."""
    n_heads: int | None = None
    """Attentions side by side."""
    d_model: int | None = None
    """Width; the feed-forward layer becomes four times as wide."""
    positions: Literal["learned", "rotary"] | None = None
    """A learned table, or rotated queries and keys."""
    norm: Literal["pre", "post"] | None = None
    """Normalise before each half of a block, or after it."""
    dropout: float | None = None
    """Share of numbers zeroed in training."""
    batch_size: int = 16
    """Sequences in a step."""
    micro_batch: int | None = None
    """Sequences at a time, to save memory; the gradient is the same. Default: all."""
    name: str = "gpt"
    """The run's folder below `runs`."""
    runs: Path = Path("runs")
    """Where run folders lie."""
    resume: Path | None = None
    """Go on with the run in this folder, with its own settings."""
    overwrite: bool = False
    """Replace a run of the same name."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a report."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no run."""
        if self.preset not in PRESETS:
            preset(self.preset)
        for name in ("batch_size", "micro_batch", "max_characters"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")
        if not 0 < self.validation_share < 1:
            raise BadInput(f"validation_share must lie in (0, 1), got {self.validation_share}")

    def model(self, vocab_size: int) -> GPTConfig:
        """The preset with the changes asked for."""
        names = ("context", "n_layers", "n_heads", "d_model", "positions", "norm", "dropout")
        changes = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if "d_model" in changes:
            changes["d_ff"] = 4 * changes["d_model"]
        return dataclasses.replace(preset(self.preset), vocab_size=vocab_size, **changes)


def resumed(asked: TrainConfig, folder: Path) -> TrainConfig:
    """The settings the run was started with; where and how to print it may be new.

    Raises:
        BadInput: another setting was given that differs from the run's.
    """
    command = RunFolder(folder).read_config()["command"]
    try:
        runs, loop = Path(command["runs"]), LoopConfig(**command["loop"])
        saved = TrainConfig(**{**command, "runs": runs, "loop": loop})
    except (TypeError, KeyError) as error:
        raise BadInput(
            f"{str(folder / 'config.json')!r} is not the config of a training"
        ) from error
    default = TrainConfig()
    for ours, theirs, usual in ((saved, asked, default), (saved.loop, asked.loop, default.loop)):
        for field in dataclasses.fields(ours):
            old, new = getattr(ours, field.name), getattr(theirs, field.name)
            free = field.name in ("loop", "resume", "device", "json", "overwrite")
            if not free and new not in (old, getattr(usual, field.name)):
                raise BadInput(
                    f"this run has {field.name} {old}, not {new}; leave the option out to go on "
                    "with it, or start another run with --name"
                )
    return dataclasses.replace(saved, resume=folder, device=asked.device, json=asked.json)


def run(config: TrainConfig) -> int:
    """Train, then say how good the model is beside n-gram models of the same text."""
    if config.resume is not None:
        config = resumed(config, config.resume)
    device = pick_device(config.device)
    folder = RunFolder(config.resume or config.runs / config.name)
    text = read_text(config)
    if config.resume is None:
        model_config = start_run(folder, config, text)
    else:
        model_config = GPTConfig(**folder.read_config()["model"])
        if folder.read_config()["text_sha256"] != digest(text.train + text.validation):
            raise BadInput(
                f"{config.data!r} is not the text that {str(folder.path)!r} was trained on"
            )
    step = train_in(folder, config, model_config, device)
    if step < config.loop.steps:
        say(f"stopped after step {step}; go on with: gpt train --resume {folder.path}")
        return 130
    return finish(folder, config, device)


def read_text(config: TrainConfig) -> Split:
    """Load the corpus and set the validation documents aside."""
    documents = load_documents(config.data, config.max_characters)
    split = split_documents(documents, config.validation_share, config.loop.seed)
    if not split.validation:
        raise BadInput(f"{config.data!r} is too short to set a validation text aside")
    return split


def start_run(folder: RunFolder, config: TrainConfig, text: Split) -> GPTConfig:
    """Make the tokenizer, the token files and the config of a new run."""
    if folder.config.is_file() and not config.overwrite:
        raise BadInput(
            f"{str(folder.path)!r} already holds a run; go on with it by --resume {folder.path}, "
            "replace it by --overwrite, or choose another --name"
        )
    tokenizer = train_tokenizer(config, text)
    model_config = config.model(tokenizer.vocab_size)
    streams = [encode_documents(tokenizer, documents) for documents in text]
    for stream in streams:  # both must fill a window
        RandomWindows(stream, model_config.context, config.batch_size, config.loop.seed)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.config.unlink(missing_ok=True)
    for old in [folder.log, *folder.checkpoints.glob("*")]:
        old.unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, tokenizer)
    save_tokens(folder.train_tokens, streams[0])
    save_tokens(folder.validation_tokens, streams[1])
    command = asdict(config) | {"runs": str(config.runs), "resume": None}
    folder.write_config(model_config, digest(text.train + text.validation), command)
    return model_config


def train_tokenizer(config: TrainConfig, text: Split) -> Tokenizer:
    """BPE learns from the training text; characters are taken from all of it."""
    if config.tokenizer == "bpe":
        return BytePairTokenizer.train(text.train, config.vocab_size)
    return CharacterTokenizer.train(text.train + text.validation)


def train_in(
    folder: RunFolder, config: TrainConfig, model_config: GPTConfig, device: torch.device
) -> int:
    """Run the loop over this folder's batches, with a progress bar, a log and checkpoints.

    Ctrl-C ends it after the step at hand, and saves. Returns the last step done.
    """
    torch.manual_seed(config.loop.seed)
    model = GPT(model_config).to(device)
    tokens, validation = folder.tokens(model_config.vocab_size)
    windows = RandomWindows(tokens, model_config.context, config.batch_size, config.loop.seed)

    def batches(step: int) -> list[Batch]:
        return micro_batches(windows(step).to(device), config.micro_batch or config.batch_size)

    def validate(model: nn.Module) -> float:
        return float(surprises(model, validation, model_config.context).mean())

    start, messages = newest_checkpoint(folder.checkpoints) or (None, [])
    for message in messages:
        say(message)
    step = start.values["step"] if start else 0
    folder.trim_log(step)
    loop = train(model, batches, next_token_loss, config.loop, validate, start, folder.checkpoints)
    n_tokens = config.batch_size * model_config.context
    title = f"{model.n_parameters():,} parameters on {device}"
    with FirstInterrupt() as interrupt, closing(loop):
        for record in logged(track(loop, config.loop.steps, step, n_tokens, title), folder):
            step = record.step
            if interrupt.asked:
                break
    return step


def logged(records: Iterator[Record], folder: RunFolder) -> Iterator[Record]:
    """Write each record as a line of the log, with the seconds since this start."""
    started = time.perf_counter()
    with folder.log.open("a", encoding="utf-8") as log:
        for record in records:
            elapsed = round(time.perf_counter() - started, 3)
            log.write(json.dumps(asdict(record) | {"elapsed": elapsed}) + "\n")
            log.flush()
            yield record


def finish(folder: RunFolder, config: TrainConfig, device: torch.device) -> int:
    """Score the model, plot the losses, report."""
    model, tokenizer, checkpoint = load_model(folder.path, device)
    report = compare_with_ngrams(model, tokenizer, folder)
    plot(folder, report)
    if config.json:
        print(json.dumps({"run": str(folder.path), "step": checkpoint.values["step"], **report}))
        return 0
    print_report(report)
    print(f"The run lies in {folder.path}; let it write with: gpt sample --run {folder.path}")
    return 0


def plot(folder: RunFolder, report: dict[str, Any]) -> None:
    """Draw the losses of the run beside those of the n-gram models."""
    ngrams = {name: each["loss"] for name, each in report["models"].items() if name != "gpt"}
    save_loss_plot(folder.path / "loss.png", folder.records(), ngrams)
