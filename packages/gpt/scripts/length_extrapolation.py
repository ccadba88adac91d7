"""Which schemes of positions let a model read further than it was trained: `length_extrapolation`.

    uv run python packages/gpt/scripts/length_extrapolation.py --json

500 steps, 2 seeds, one busy core (CPU), 8 minutes; torch 2.15, Python 3.11. Held-out loss in nats
per token, mean of the seeds. `chapters/recorded/length_extrapolation.json` is what it printed, and
chapter 02 draws it.

    windows of      64     128     256
    learned      4.835  cannot  cannot
    sinusoidal   4.737   4.843   4.969
    rotary       4.177   4.194   4.358
    alibi        4.202   4.193   4.189
    none         4.302   4.312   4.325

One small model for each scheme, alike in all else: 2 layers, 4 heads, width 64, trained by the
package's loop on windows of 64 tokens. Then the same held-out tokens are read in windows of 64, 128
and 256, each token scored once. In longer windows a token has more before it, so a model that can
use what lies further back gets better, and one that is confused by it gets worse.
"""

import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any, NamedTuple, get_args

import numpy as np
import torch
from einops import reduce
from jaxtyping import Integer

from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.scores import negative_log_likelihoods
from gpt.model.config import PositionKind
from gpt.model.gpt import GPT, GPTConfig
from gpt.program import Script
from gpt.text.documents import documents_sha256, load_documents, split_documents
from gpt.text.token_files import RandomWindows, encode_documents
from gpt.text.tokenizers import BytePairTokenizer
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import LoopConfig, train

SCHEMES = get_args(PositionKind)
CONTEXT, BATCH_SIZE = 64, 16
LENGTHS = (CONTEXT, 2 * CONTEXT, 4 * CONTEXT)
STRETCH = 16  # positions whose losses are averaged, where the loss is shown along a window


@dataclass(frozen=True)
class Config:
    """What to train on, and for how long."""

    data: str = "python"
    """A text file, or `python` for its own documentation."""
    steps: int = 500
    """Updates of each model."""
    learning_rate: float = 5e-3
    """Peak rate; the models are small and bear more than the default."""
    repeats: int = 2
    """Models of each scheme, with the seeds 0, 1, ...; all are reported."""
    vocab_size: int = 1024
    """Small, since most of a model this size is its embedding table."""
    device: str = "cpu"
    """auto, cpu, cuda or mps; the models are too small to gain from more than a core."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse what measures nothing."""
        if self.repeats < 1:
            raise BadInput(f"repeats must be at least 1, got {self.repeats}")


class Text(NamedTuple):
    """Token ids to learn from and to be judged on, and which text it was."""

    train: Integer[np.ndarray, " N"]
    validation: Integer[np.ndarray, " M"]
    vocab_size: int
    digest: str


class Reading(NamedTuple):
    """What one model makes of the held-out tokens."""

    losses: dict[int, float | None]
    """By the length of the windows; None where the model cannot read that far."""
    along: list[float]
    """In the longest windows it can read, for each stretch of positions."""


def read(config: Config) -> Text:
    """The documents as tokens; a tenth of them, whole, is set aside."""
    documents = load_documents(config.data, 50_000_000)
    parts = split_documents(documents, share=0.1, seed=0)
    tokenizer = BytePairTokenizer.train(parts.train, config.vocab_size)
    tokens, held_out = (encode_documents(tokenizer, part) for part in parts)
    if len(held_out) <= LENGTHS[-1]:
        raise BadInput(
            f"{config.data!r} leaves {len(held_out)} tokens to be judged on, "
            f"and a window has {LENGTHS[-1]}"
        )
    return Text(tokens, held_out, tokenizer.vocab_size, documents_sha256(documents))


def trained(
    scheme: PositionKind, text: Text, config: Config, seed: int, device: torch.device
) -> GPT:
    """A small model with this scheme, after all its steps."""
    torch.manual_seed(seed)
    shape = GPTConfig(text.vocab_size, CONTEXT, 2, 4, 64, 256, positions=scheme)
    if scheme == "sinusoidal":  # waves of height 1 would drown embeddings that start at 0.02
        shape = replace(shape, embedding_scale=True)
    model = GPT(shape).to(device)
    windows = RandomWindows(text.train, CONTEXT, BATCH_SIZE, seed)
    loop = LoopConfig(config.steps, config.learning_rate, seed=seed)
    for _ in train(model, lambda step: [windows(step).to(device)], next_token_loss, loop):
        pass
    return model


def judged(model: GPT, tokens: Integer[np.ndarray, " M"]) -> Reading:
    """The same tokens in windows of every length."""
    losses: dict[int, float | None] = {}
    along: list[float] = []
    for length in LENGTHS:
        try:
            nats = negative_log_likelihoods(model, tokens, length)
        except BadInput:  # a learned table has no row for a later position
            losses[length] = None
            continue
        losses[length] = round(float(nats.mean()), 4)
        rows = nats[: len(nats) // length * length].reshape(-1, length)
        means = reduce(rows, "rows (part each) -> part", "mean", each=STRETCH)
        along = [round(float(each), 4) for each in means]
    return Reading(losses, along)


def compare(
    text: Text, config: Config, device: torch.device, say: Callable[[str], None]
) -> dict[str, Any]:
    """Train and judge every scheme with every seed."""
    found: dict[str, Any] = {}
    for scheme in SCHEMES:
        readings = []
        for seed in range(config.repeats):
            readings.append(judged(trained(scheme, text, config, seed, device), text.validation))
            say(f"{scheme}, seed {seed}: {readings[-1].losses}")
        found[scheme] = {
            "loss": {str(length): [r.losses[length] for r in readings] for length in LENGTHS},
            "along": [
                round(mean(each), 4) for each in zip(*(r.along for r in readings), strict=True)
            ],
        }
    return found


def show(found: dict[str, Any]) -> None:
    """The mean losses as a table; the range of the seeds in brackets."""
    print("windows of" + "".join(f"{length:>22}" for length in LENGTHS))
    for scheme, each in found["schemes"].items():
        row = f"{scheme:10}"
        for losses in each["loss"].values():
            cell = "cannot"
            if None not in losses:
                cell = f"{mean(losses):.3f} ({min(losses):.3f}-{max(losses):.3f})"
            row += f"{cell:>22}"
        print(row)


def main(config: Config) -> int:
    """Measure and report."""
    device, began = pick_device(config.device), time.perf_counter()
    torch.set_num_threads(1)
    text = read(config)
    schemes = compare(text, config, device, lambda line: print(line, file=sys.stderr))
    found = {
        "context": CONTEXT,
        "lengths": LENGTHS,
        "stretch": STRETCH,
        "steps": config.steps,
        "repeats": config.repeats,
        "schemes": schemes,
        "train_tokens": len(text.train),
        "validation_tokens": len(text.validation),
        "vocab_size": text.vocab_size,
        "text": text.digest,
        "device": str(device),
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("length_extrapolation", Config, main).main())
