"""`handcalc train`: the step, a thousand times, on words."""

import argparse
import json
import random
import shlex
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from handcalc.commands.progress import Progress
from handcalc.model.blocks import BLOCKS
from handcalc.model.weights import numbers
from handcalc.training.counts import bigram_loss, entropy
from handcalc.training.invention import invented
from handcalc.training.run_folder import RunFolder
from handcalc.training.training import (
    State,
    TrainConfig,
    beginning,
    mean_loss,
    train,
)
from handcalc.training.words import Words, identifiers, read_words, words_of

EVERY = 100  # steps between two savings
N_SAMPLES = 12


def add_options(parser: argparse.ArgumentParser) -> None:
    """The words, the settings of the training, and where the run goes."""
    parser.add_argument(
        "file", nargs="?", type=Path, help="words; without it, identifiers of this Python's library"
    )
    for field in fields(TrainConfig):
        default: Any = field.default
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type=default.__class__,
            choices=BLOCKS if field.name == "block" else None,
            help=f"{field.metadata['help']} (default: {default})",
        )
    parser.add_argument("--name", help="the run's folder below runs (default: words)")
    parser.add_argument("--runs", type=Path, help="where run folders lie (default: runs)")
    parser.add_argument(
        "--resume", type=Path, help="go on with the run in this folder, with its own settings"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a run of the same name")


def run(options: argparse.Namespace) -> int:
    """Train, then say how good the model is beside counting, and let it invent words."""
    folder = RunFolder(options.resume or (options.runs or Path("runs")) / (options.name or "words"))
    config, words, state = resumed(folder, options) if options.resume else begun(folder, options)
    progress = Progress(config.steps, folder.seconds())
    state = trained(folder, config, words, state, progress)
    if state.step < config.steps:
        print(f"stopped after step {state.step}; {how_to_go_on(folder)}", file=sys.stderr)
        return 130
    found = report(config, words, state) | {"seconds": progress.seconds()}
    if options.json:
        print(json.dumps(found))
    else:
        print_report(found, folder.path)
    return 0


def resumed(folder: RunFolder, options: argparse.Namespace) -> tuple[TrainConfig, Words, State]:
    """A run where it was stopped; it keeps the words and the settings that it began with."""
    given = {name for name, value in vars(options).items() if value is not None}
    given -= {"command", "resume", "json"} | ({"overwrite"} if not options.overwrite else set())
    if given:
        others = ", ".join(sorted(name.replace("_", "-") for name in given))
        raise ValueError(f"a resumed run keeps its own words and settings: leave out {others}")
    return folder.load()


def begun(folder: RunFolder, options: argparse.Namespace) -> tuple[TrainConfig, Words, State]:
    """A new run."""
    asked = {field.name: getattr(options, field.name) for field in fields(TrainConfig)}
    config = TrainConfig(**{name: value for name, value in asked.items() if value is not None})
    if folder.config.is_file() and not options.overwrite:
        raise ValueError(
            f"{str(folder.path)!r} already holds a run; {how_to_go_on(folder)}, "
            "replace it by --overwrite, or choose another --name"
        )
    texts = read_words(options.file) if options.file else identifiers()
    words = words_of(texts, config.seed)
    state = beginning(config, words)
    folder.begin(config, words, state)
    return config, words, state


def how_to_go_on(folder: RunFolder) -> str:
    """The command, for a shell."""
    return f"go on with: handcalc train --resume {shlex.quote(str(folder.path))}"


def trained(
    folder: RunFolder, config: TrainConfig, words: Words, state: State, progress: Progress
) -> State:
    """The state after the last step, or after the one in which Ctrl-C came; it is saved."""
    with noted_interrupts() as interrupts:
        for record in train(config, words, state):
            state = record.state
            folder.add({"step": record.step, "loss": record.loss, "seconds": progress.seconds()})
            progress.show(record)
            if record.step % EVERY == 0:
                folder.save(config, words, state)
            if interrupts:
                break
        progress.end()
        folder.save(config, words, state)
    return state


@contextmanager
def noted_interrupts() -> Generator[list[int]]:
    """Ctrl-C does not break off what is being done: it is put in a list."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def report(config: TrainConfig, words: Words, state: State) -> dict[str, Any]:
    """What came of it, in nats a character."""
    everything = words.training + words.held_out
    draws = random.Random(config.seed)
    return {
        "steps": state.step,
        "words": len(everything),
        "parameters": sum(len(numbers(tensor)) for tensor in state.weights.values()),
        "held_out_loss": mean_loss(config, words, state),
        "unigram_entropy": entropy(everything, words.characters),
        "bigram_loss": bigram_loss(
            words.training, words.held_out, words.characters, config.context
        ),
        "samples": [
            invented(state.weights, config.block, words.characters, draws, temperature=0.8)
            for _ in range(N_SAMPLES)
        ],
    }


def print_report(found: dict[str, Any], path: Path) -> None:
    """The same to read."""
    print(f"{found['parameters']:,} weights, {found['steps']:,} steps on {found['words']:,} words, "
          f"{found['seconds']:.0f} s")  # fmt: skip
    print("nats a character, the end of a word being one:")
    print(f"  {found['held_out_loss']:.3f}  this model, on words it has not seen")
    print(f"  {found['bigram_loss']:.3f}  counting pairs of characters, on the same words")
    print(f"  {found['unigram_entropy']:.3f}  knowing how often each character comes, in all words")
    print("words it invents:")
    print("  " + " ".join(word or "-" for word in found["samples"]))
    print(f"saved in {path}")
