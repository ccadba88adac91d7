"""`handcalc train`: train on a file of words, and let the model generate new ones."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from handcalc.commands.progress import show_progress
from handcalc.model.transformer import BLOCKS
from handcalc.training.evaluation import evaluate
from handcalc.training.optimizers import State
from handcalc.training.run_folder import RunFolder
from handcalc.training.training import TrainConfig, initial_state, train
from handcalc.training.words import Words, library_names, read_words, split_words

SAVE_EVERY = 100  # steps


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the file of words, the settings of the training, and the options of the run folder."""
    parser.add_argument(
        "file", nargs="?", type=Path,
        help="text file of words (default: names used in this Python's standard library)",
    )  # fmt: skip
    for field in fields(TrainConfig):
        default: Any = field.default
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type=default.__class__,
            choices=BLOCKS if field.name == "block" else None,
            help=f"{field.metadata['help']} (default: {default})",
        )
    parser.add_argument("--name", help="name of the run's folder (default: words)")
    parser.add_argument("--runs", type=Path, help="folder that holds all runs (default: runs)")
    parser.add_argument(
        "--resume", type=Path, metavar="FOLDER",
        help="continue the run in this folder, with its own words and settings "
        "(default: start a new run)",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing run of the same name"
    )


def run(options: argparse.Namespace) -> int:
    """Train, evaluate, and generate a few words; return 130 if the training was interrupted."""
    folder = RunFolder(options.resume or (options.runs or Path("runs")) / (options.name or "words"))
    start = resume_run if options.resume else start_run
    config, words, state = start(folder, options)
    spent = max((record["seconds"] for record in folder.records()), default=0.0)
    begin = time.perf_counter() - spent
    state = train_and_save(folder, config, words, state, begin)
    if state.step < config.steps:
        print(
            f"stopped after step {state.step}; continue with: {folder.resume_command}",
            file=sys.stderr,
        )
        return 130
    report = evaluate(config, words, state) | {"seconds": time.perf_counter() - begin}
    if options.json:
        print(json.dumps(report))
    else:
        print_report(report, folder.path)
    return 0


def resume_run(folder: RunFolder, options: argparse.Namespace) -> tuple[TrainConfig, Words, State]:
    """Return the saved run; options that would change it are refused."""
    set_options = {name for name, value in vars(options).items() if value is not None}
    set_options -= {"command", "resume", "json"}
    set_options -= set() if options.overwrite else {"overwrite"}
    if set_options:
        others = ", ".join(sorted(name.replace("_", "-") for name in set_options))
        raise ValueError(f"a resumed run keeps its own words and settings: leave out {others}")
    return folder.load()


def start_run(folder: RunFolder, options: argparse.Namespace) -> tuple[TrainConfig, Words, State]:
    """Create the folder of a new run with its initial weights."""
    settings = {field.name: getattr(options, field.name) for field in fields(TrainConfig)}
    config = TrainConfig(**{name: value for name, value in settings.items() if value is not None})
    if folder.config.is_file() and not options.overwrite:
        raise ValueError(
            f"{str(folder.path)!r} already holds a run; "
            f"continue with: {folder.resume_command}, "
            "replace it with --overwrite, or choose another --name"
        )
    texts = read_words(options.file) if options.file else library_names()
    words = split_words(texts, config.seed)
    state = initial_state(config, words)
    folder.begin(config, words, state)
    return config, words, state


def train_and_save(
    folder: RunFolder, config: TrainConfig, words: Words, state: State, begin: float
) -> State:
    """Train to the last step, or to the one during which Ctrl-C was pressed, and save the state.

    `begin` is the start of the run, on the clock of `perf_counter`.
    """
    with (
        deferred_interrupts() as interrupts,
        folder.log.open("a", encoding="utf-8") as log,
        closing(show_progress(train(config, words, state), config.steps)) as records,
    ):
        for record in records:
            state = record.state
            seconds = time.perf_counter() - begin
            entry = {"step": record.step, "loss": record.loss, "seconds": seconds}
            print(json.dumps(entry), file=log, flush=True)
            if record.step % SAVE_EVERY == 0:
                folder.save(config, words, state)
            if interrupts:
                break
        folder.save(config, words, state)
    return state


@contextmanager
def deferred_interrupts() -> Generator[list[int]]:
    """Collect Ctrl-C in a list instead of raising KeyboardInterrupt in the middle of a step."""
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def print_report(report: dict[str, Any], path: Path) -> None:
    """Print sizes, losses and generated words."""
    samples = " ".join(word or "-" for word in report["samples"])
    print(
        f"{report['parameters']:,} weights, {report['steps']:,} steps on {report['words']:,} "
        f"words, {report['seconds']:.0f} s\n"
        "loss in nats per character (the end of a word counts as a character):\n"
        f"  {report['held_out_loss']:.3f}  this model, on held-out words\n"
        f"  {report['bigram_loss']:.3f}  counting pairs of characters, on the same words\n"
        f"  {report['unigram_entropy']:.3f}  counting single characters, on all words\n"
        f"generated words:\n  {samples}\n"
        f"saved in {path}"
    )
