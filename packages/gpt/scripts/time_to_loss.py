"""How much sooner the fast recipe reaches the final loss of the plain one: `speedup`.

    uv run python packages/gpt/scripts/time_to_loss.py --data FILE

Both arms train a character model of 4 layers, 4 heads, width 128 and context 64, on the same text,
threads and device, through the same loop. The plain arm is the widely used small CPU recipe: 2,000
steps of batch 12, AdamW from 1e-3 to 1e-4 along a cosine, decay 0.1, fp32, no dropout. The fast arm
is the fast recipe, with hashed pairs and triples of characters (`gpt.model.ngrams`) in place of
three quarters of the feed-forward layers, as many parameters and half the products, batch 16, and
AdamW at 3e-2 for what is no matrix of a block. Its schedule is fixed beforehand, and it ends at the
first validation that is no worse than the plain arm's last. `--no-ngrams` leaves the model as
`gpt train` has it. Nothing is compiled, and the clock stands still while an arm is validated.

`--repeats 3` on the documentation inside Python (1.9 million characters to learn from), AMD EPYC
(AVX2), two threads, Linux, Python 3.11.7, torch 2.15.0: 8.2, 8.7 and 9.3 times as fast; in medians
13.3 s to the 1.790 nats that the plain arm has after 112.5 s. On 1.1 MB of Shakespeare's plays,
which no setting had seen: 11.1, with 11.0 s to 1.880 nats against 122.1 s. `--no-ngrams`
on the first text: 5.1, with 24.7 s against 126.8 s.
"""

import json
import platform
import statistics
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Integer
from torch import nn

from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.scores import negative_log_likelihoods
from gpt.model.gpt import GPT, GPTConfig
from gpt.model.ngrams import NgramEmbedding
from gpt.program import Script
from gpt.text.documents import load_documents
from gpt.text.token_files import Batch, RandomWindows, encode_documents
from gpt.text.tokenizers import CharacterTokenizer
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import LoopConfig, train
from gpt.training.recipes import FAST_RECIPE, PLAIN_RECIPE

SHAPE = GPTConfig(context=64, n_layers=4, n_heads=4, d_model=128, d_ff=512)
TABLES = (1021, 2111)  # rows for pairs and triples: as many numbers as the narrower layers save
VALIDATION = 100_000  # tokens at least; a tenth of a text that has less than four times as many


@dataclass(frozen=True)
class Config:
    """What to measure, and how often."""

    data: str = "python"
    """A text file, or `python` for its own documentation."""
    repeats: int = 1
    """Runs of each arm, in turns, with the seeds 0, 1, ...; medians are reported."""
    plain_steps: int = 2000
    """Length of the plain arm; fewer only to try this script out."""
    fast_steps: int = 260
    """Length of the fast arm's schedule, in which it should arrive with a margin."""
    validate_every: int = 10
    """Steps of the fast arm between validations; the plain arm has them ten times as far apart."""
    ngrams: bool = True
    """Whether the fast arm looks up pairs and triples of characters, and has narrower layers."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no measurement."""
        for name in ("repeats", "plain_steps", "fast_steps", "validate_every"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class Point:
    """A validation."""

    step: int
    seconds: float
    """Of training alone."""
    loss: float
    """Nats per token, here a character."""


class Text(NamedTuple):
    """Token ids to learn from, and to be judged on."""

    train: Integer[np.ndarray, " N"]
    validation: Integer[np.ndarray, " M"]
    vocab_size: int


class Arm(NamedTuple):
    """A model, how it is trained, and the sequences in a step."""

    config: GPTConfig
    tables: tuple[int, ...]
    loop: LoopConfig
    batch_size: int

    def model(self) -> GPT:
        """The model before its first step."""
        model = GPT(self.config)
        if self.tables:
            size = self.config.vocab_size, self.config.d_model
            model.embedding = NgramEmbedding(*size, self.tables)
        return model


def arms(config: Config, vocab_size: int) -> dict[str, Arm]:
    """The two arms, by name."""
    shape, every = replace(SHAPE, vocab_size=vocab_size), config.validate_every
    plain = replace(
        PLAIN_RECIPE.loop,
        learning_rate=1e-3,
        beta2=0.99,
        steps=config.plain_steps,
        save_every=10 * every,
    )
    parts, fast = (
        FAST_RECIPE.model_fields,
        replace(FAST_RECIPE.loop, steps=config.fast_steps, save_every=every),
    )
    if config.ngrams:  # a row of a table is rarely met, and must learn much each time
        parts, fast = parts | {"d_ff": 128}, replace(fast, learning_rate=3e-2)
    return {
        "plain": Arm(replace(shape, **PLAIN_RECIPE.model_fields), (), plain, 12),
        "fast": Arm(replace(shape, **parts), TABLES if config.ngrams else (), fast, 16),
    }


def read(source: str) -> Text:
    """The text as characters; its end is set aside."""
    documents = load_documents(source, 50_000_000)
    tokenizer = CharacterTokenizer.train(documents)
    tokens = encode_documents(tokenizer, documents)
    n = len(tokens) // 10
    if len(tokens) >= 4 * VALIDATION:
        n = max(n, VALIDATION)
    if n <= SHAPE.context:
        raise BadInput(f"{source!r} has {len(tokens)} characters, too few to learn from")
    return Text(tokens[:-n], tokens[-n:], tokenizer.vocab_size)


def curve(arm: Arm, text: Text, device: torch.device, seed: int) -> Generator[Point, None, None]:
    """Train an arm, and yield its validations."""
    torch.manual_seed(seed)
    windows = RandomWindows(text.train, SHAPE.context, arm.batch_size, seed)
    began, paused = time.perf_counter(), 0.0

    def batches(step: int) -> list[Batch]:
        return [windows(step).to(device)]

    def validate(model: nn.Module) -> float:
        nonlocal paused
        stopped = time.perf_counter()
        loss = float(negative_log_likelihoods(model, text.validation, SHAPE.context).mean())
        paused += time.perf_counter() - stopped
        return loss

    model = arm.model().to(device)
    with closing(train(model, batches, next_token_loss, arm.loop, validate)) as records:
        for record in records:
            if record.validation is not None:
                seconds = time.perf_counter() - began - paused
                yield Point(record.step, round(seconds, 3), record.validation)


class Race(NamedTuple):
    """The validations of both arms."""

    plain: list[Point]
    fast: list[Point]

    def target(self) -> float:
        """The loss to reach."""
        return self.plain[-1].loss

    def reached(self) -> bool:
        """Whether the fast arm got there."""
        return self.fast[-1].loss <= self.target()


def race(both: dict[str, Arm], text: Text, device: torch.device, seed: int) -> Race:
    """The whole plain arm, then the fast one until it is as good."""
    result = Race(list(curve(both["plain"], text, device, seed)), [])
    with closing(curve(both["fast"], text, device, seed)) as points:
        for point in points:
            result.fast.append(point)
            if result.reached():
                break
    return result


def report(races: list[Race], both: dict[str, Arm], text: Text, device: str) -> dict[str, Any]:
    """What was measured: medians over the repeats, the curves of the first one."""
    plain_seconds = statistics.median(each.plain[-1].seconds for each in races)
    fast_seconds = statistics.median(each.fast[-1].seconds for each in races)
    reached = all(each.reached() for each in races)
    return {
        "speedup": round(plain_seconds / fast_seconds, 2) if reached else None,
        "plain_seconds": plain_seconds,
        "fast_seconds": fast_seconds if reached else None,
        "plain_final_loss": statistics.median(each.target() for each in races),
        "speedups": [
            round(each.plain[-1].seconds / each.fast[-1].seconds, 2) if each.reached() else None
            for each in races
        ],
        "parameters": {name: arm.model().n_parameters() for name, arm in both.items()},
        "train_tokens": len(text.train),
        "validation_tokens": len(text.validation),
        "device": device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "plain": [asdict(point) for point in races[0].plain],
        "fast": [asdict(point) for point in races[0].fast],
    }


def show(found: dict[str, Any]) -> None:
    """The report for people."""
    for name in ("plain", "fast"):
        print(f"{name}: {found['parameters'][name]:,} parameters")
        print(
            "".join(f"{p['step']:7} {p['seconds']:9.2f} s {p['loss']:.4f}\n" for p in found[name])
        )
    if found["speedup"] is not None:
        print(
            f"plain ends at {found['plain_final_loss']:.4f} after {found['plain_seconds']:.1f} s; "
            f"fast is there after {found['fast_seconds']:.2f} s: {found['speedup']} times as fast"
        )


def main(config: Config) -> int:
    """Run the arms in turns and report; the exit status is 1 where fast never got there."""
    device, text = pick_device(config.device), read(config.data)
    if len(text.validation) < VALIDATION:
        print(f"a short text: a tenth, {len(text.validation):,} tokens, validates", file=sys.stderr)
    both = arms(config, text.vocab_size)
    # torch imports seconds' worth of itself at the first optimizer, on nobody's clock
    torch.optim.AdamW([nn.Parameter(torch.zeros(1))])
    races = [race(both, text, device, seed) for seed in range(config.repeats)]
    found = report(races, both, text, str(device))
    if config.json:
        print(json.dumps(found))
    else:
        show(found)
    if found["speedup"] is None:
        print("the fast arm never reached the plain arm's final loss", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(Script("time_to_loss", Config, main).main())
