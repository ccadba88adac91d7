"""Measure how much sooner the fast recipe reaches the final loss of the plain one: `speedup`.

    uv run python packages/gpt/scripts/time_to_loss.py --data FILE

Both arms train a character model of 4 layers, 4 heads, width 128 and context 64, on the same text,
threads and device, with the same loop. The plain arm is the widely used small CPU recipe: 2,000
steps of batch 12, AdamW from 1e-3 to 1e-4 along a cosine, weight decay 0.1, fp32, no dropout. The
fast arm is the fast recipe with batch 16 and AdamW at 3e-2 for everything except the matrices of
the blocks. Hashed n-grams of two, three and four characters (`gpt.model.ngrams`) replace two of its
layers, and three quarters of the feed-forward layers in the others: as many parameters, and a
quarter of the matrix products. The length of its schedule is fixed beforehand. It ends at the first
validation that is as good as the last validation of the plain arm. `--no-ngrams` keeps the model of
`gpt train`. Nothing is compiled, and validation does not count as time.

AMD EPYC (AVX-512), two threads, Linux, Python 3.11.7, torch 2.15.0. On the documentation inside
Python (1.9 million characters for training), whose training part also served to choose tables and
layers: 15.4 times as fast; the fast arm needs 6.4 s to the 1.783 nats that the plain arm reaches
after 97.9 s. On the 0.6 MB of Vim 9.0's user manual (its `usr_*.txt`), which was not used to choose
any setting, with `--repeats 3`: 14.9, 14.8 and 13.0 times; median 7.2 s compared with 99.6 s.
`--no-ngrams` on the first text, on a processor with AVX2: 5.1 times, 24.7 s compared with 126.8 s.
"""

import json
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
from gpt.recording import measurement_conditions
from gpt.text.documents import load_documents
from gpt.text.token_files import Batch, RandomWindows, encode_documents
from gpt.text.tokenizers import CharacterTokenizer
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import LoopConfig, train
from gpt.training.recipes import FAST_RECIPE, PLAIN_RECIPE

SHAPE = GPTConfig(context=64, n_layers=4, n_heads=4, d_model=128, d_ff=512)
TABLES = (1021, 1531, 2153)  # rows for pairs, triples and quadruples of characters
VALIDATION = 100_000  # minimum of tokens; a text of less than 400,000 uses a tenth of them


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    data: str = "python"
    """A text file, or `python` for Python's documentation."""
    repeats: int = 1
    """Interleaved runs of both arms, with the seeds 0, 1, ...; medians are reported."""
    plain_steps: int = 2000
    """Steps of the plain arm; fewer only to try the script."""
    fast_steps: int | None = None
    """Steps in the schedule of the fast arm, which should need fewer: 240, without n-grams 260."""
    validate_every: int = 10
    """Steps between validations of the fast arm; the plain arm waits ten times as long."""
    ngrams: bool = True
    """Let the fast arm look up n-grams of characters, with half as many layers, and narrower."""
    device: str = "auto"
    """Device: auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse numbers below 1."""
        for name in ("repeats", "plain_steps", "fast_steps", "validate_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Validation:
    """A validation of one arm."""

    step: int
    seconds: float
    """Seconds of training, without validation."""
    loss: float
    """Nats per token, which is a character here."""


class Text(NamedTuple):
    """Token ids for training and for validation."""

    train: Integer[np.ndarray, " N"]
    validation: Integer[np.ndarray, " M"]
    vocab_size: int


class Arm(NamedTuple):
    """A model, its training settings, and the sequences per step."""

    config: GPTConfig
    tables: tuple[int, ...]
    loop: LoopConfig
    batch_size: int

    def new_model(self) -> GPT:
        """Make the model with initial weights."""
        model = GPT(self.config)
        if self.tables:
            size = self.config.vocab_size, self.config.d_model
            model.embedding = NgramEmbedding(*size, self.tables)
        return model


def make_arms(config: Config, vocab_size: int) -> dict[str, Arm]:
    """Return the two arms by name."""
    model, every = replace(SHAPE, vocab_size=vocab_size), config.validate_every
    plain = replace(
        PLAIN_RECIPE.loop,
        learning_rate=1e-3,
        beta2=0.99,
        steps=config.plain_steps,
        save_every=10 * every,
    )
    fast_model = replace(model, **FAST_RECIPE.model_fields)
    fast = replace(FAST_RECIPE.loop, steps=config.fast_steps or 260, save_every=every)
    if config.ngrams:
        fast_model = replace(fast_model, n_layers=2, d_ff=128)
        # each row of a table is rarely used, so it needs large updates
        fast = replace(fast, steps=config.fast_steps or 240, learning_rate=3e-2)
    return {
        "plain": Arm(replace(model, **PLAIN_RECIPE.model_fields), (), plain, 12),
        "fast": Arm(fast_model, TABLES if config.ngrams else (), fast, 16),
    }


def load_text(source: str) -> Text:
    """Encode the text as characters; its end is held out."""
    documents = load_documents(source, 50_000_000)
    tokenizer = CharacterTokenizer.train(documents)
    tokens = encode_documents(tokenizer, documents)
    n = len(tokens) // 10
    if len(tokens) >= 4 * VALIDATION:
        n = max(n, VALIDATION)
    if n <= SHAPE.context:
        raise BadInput(
            f"{source!r} has {len(tokens)} characters, too few for a validation of {SHAPE.context}"
        )
    return Text(tokens[:-n], tokens[-n:], tokenizer.vocab_size)


def validations(arm: Arm, text: Text, device: torch.device, seed: int) -> Generator[Validation]:
    """Train an arm, and yield its validations."""
    torch.manual_seed(seed)
    windows = RandomWindows(text.train, SHAPE.context, arm.batch_size, seed)
    started, validating = time.perf_counter(), 0.0

    def batches(step: int) -> list[Batch]:
        return [windows(step).to(device)]

    def validate(model: nn.Module) -> float:
        nonlocal validating
        before = time.perf_counter()
        loss = float(negative_log_likelihoods(model, text.validation, SHAPE.context).mean())
        validating += time.perf_counter() - before
        return loss

    model = arm.new_model().to(device)
    with closing(train(model, batches, next_token_loss, arm.loop, validate)) as records:
        for record in records:
            if record.validation is not None:
                seconds = time.perf_counter() - started - validating
                yield Validation(record.step, round(seconds, 3), record.validation)


class Comparison(NamedTuple):
    """The validations of both arms with one seed."""

    plain: list[Validation]
    fast: list[Validation]

    def reached(self) -> bool:
        """Whether the fast arm reached the final loss of the plain arm."""
        return self.fast[-1].loss <= self.plain[-1].loss


def compare_arms(arms: dict[str, Arm], text: Text, device: torch.device, seed: int) -> Comparison:
    """Train the plain arm to its end, then the fast arm until it is as good."""
    result = Comparison(list(validations(arms["plain"], text, device, seed)), [])
    with closing(validations(arms["fast"], text, device, seed)) as points:
        for point in points:
            result.fast.append(point)
            if result.reached():
                break
    return result


def summarise(runs: list[Comparison], arms: dict[str, Arm], text: Text) -> dict[str, Any]:
    """Return medians over the repeats, and the validations of the first repeat."""
    plain_seconds = statistics.median(each.plain[-1].seconds for each in runs)
    fast_seconds = statistics.median(each.fast[-1].seconds for each in runs)
    reached = all(each.reached() for each in runs)
    return {
        "speedup": round(plain_seconds / fast_seconds, 2) if reached else None,
        "plain_seconds": plain_seconds,
        "fast_seconds": fast_seconds if reached else None,
        "plain_final_loss": statistics.median(each.plain[-1].loss for each in runs),
        "speedups": [
            round(each.plain[-1].seconds / each.fast[-1].seconds, 2) if each.reached() else None
            for each in runs
        ],
        "parameters": {name: arm.new_model().n_parameters() for name, arm in arms.items()},
        "train_tokens": len(text.train),
        "validation_tokens": len(text.validation),
        "plain": [asdict(point) for point in runs[0].plain],
        "fast": [asdict(point) for point in runs[0].fast],
    }


def print_summary(found: dict[str, Any]) -> None:
    """Print the validations of both arms, and the speedup."""
    for name in ("plain", "fast"):
        print(f"{name}: {found['parameters'][name]:,} parameters")
        print(
            "".join(f"{p['step']:7} {p['seconds']:9.2f} s {p['loss']:.4f}\n" for p in found[name])
        )
    if found["speedup"] is not None:
        print(
            f"plain ends at {found['plain_final_loss']:.4f} after {found['plain_seconds']:.1f} s; "
            f"fast reaches it after {found['fast_seconds']:.2f} s: {found['speedup']} times as fast"
        )


def main(config: Config) -> int:
    """Compare the arms and print the report; exit status 1 if fast never reaches the loss."""
    started, device, text = time.perf_counter(), pick_device(config.device), load_text(config.data)
    if len(text.validation) < VALIDATION:
        print(
            f"a short text: only a tenth, {len(text.validation):,} tokens, is held out",
            file=sys.stderr,
        )
    arms = make_arms(config, text.vocab_size)
    # the first optimizer makes torch import modules for seconds, which should not count
    torch.optim.AdamW([nn.Parameter(torch.zeros(1))])
    runs = [compare_arms(arms, text, device, seed) for seed in range(config.repeats)]
    found = summarise(runs, arms, text) | measurement_conditions(device, started)
    if config.json:
        print(json.dumps(found))
    else:
        print_summary(found)
    if found["speedup"] is None:
        print("the fast arm never reached the plain arm's final loss", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(Script("time_to_loss", Config, main).main())
