"""Compare position schemes on texts longer than those in training: `length_extrapolation`.

    uv run python packages/gpt/scripts/length_extrapolation.py --json

500 steps, 2 seeds, one core (CPU) shared with other programs, 12 minutes; torch 2.15, Python 3.11.
Held-out loss in nats per token, mean of the seeds. Chapter 02 draws what it printed, which is
`chapters/recorded/length_extrapolation.json`.

    windows of      64     128     256
    learned      4.838  cannot  cannot
    sinusoidal   4.756   4.865   4.994
    rotary       4.176   4.193   4.357
    alibi        4.202   4.193   4.189
    t5           4.239   4.262   4.294
    none         4.302   4.312   4.325

For each scheme, one small model is trained by the package's loop on windows of 64 tokens: 2 layers,
4 heads, width 64. The same held-out tokens are then read in windows of 64, 128 and 256, each token
scored once. In longer windows a token has more context. A model that can use distant tokens gets
better, and a model that cannot handle large distances gets worse.
"""

import json
import sys
import time
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
from gpt.recording import measurement_conditions
from gpt.text.documents import documents_sha256, load_documents, split_documents
from gpt.text.token_files import RandomWindows, encode_documents
from gpt.text.tokenizers import BytePairTokenizer
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import LoopConfig, train

SCHEMES = get_args(PositionKind)
CONTEXT, BATCH_SIZE = 64, 16
LENGTHS = (CONTEXT, 2 * CONTEXT, 4 * CONTEXT)
STRETCH = 16  # positions per average in the loss along a window


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    data: str = "python"
    """A text file, or `python` for Python's documentation."""
    steps: int = 500
    """Training steps of each model."""
    learning_rate: float = 5e-3
    """Peak learning rate; small models tolerate more than the default of `gpt train`."""
    repeats: int = 2
    """Models per scheme, with the seeds 0, 1, ...; all are reported."""
    vocab_size: int = 1024
    """Vocabulary size; small, since the embedding table is most of such a small model."""
    device: str = "cpu"
    """Device: auto, cpu, cuda or mps. The models are too small to use more than one core."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse an experiment without models."""
        if self.repeats < 1:
            raise BadInput(f"repeats must be at least 1, got {self.repeats}")


class Text(NamedTuple):
    """Token ids for training and validation, and the SHA-256 of the text."""

    train: Integer[np.ndarray, " N"]
    validation: Integer[np.ndarray, " M"]
    vocab_size: int
    sha256: str


class HeldOutLoss(NamedTuple):
    """Losses of one model on the held-out tokens."""

    losses: dict[int, float | None]
    """Mean loss by length of the windows; None if the model cannot read that far."""
    along: list[float]
    """Mean loss of each stretch of positions in the longest windows that the model can read."""


def load_text(config: Config) -> Text:
    """Encode the documents; a tenth of them is held out."""
    documents = load_documents(config.data, 50_000_000)
    split = split_documents(documents, share=0.1, seed=0)
    tokenizer = BytePairTokenizer.train(split.train, config.vocab_size)
    tokens, held_out = (encode_documents(tokenizer, part) for part in split)
    if len(held_out) <= LENGTHS[-1]:
        raise BadInput(
            f"{config.data!r} leaves {len(held_out)} tokens for validation, "
            f"but a window needs {LENGTHS[-1]}; give more text"
        )
    return Text(tokens, held_out, tokenizer.vocab_size, documents_sha256(documents))


def train_model(
    scheme: PositionKind, text: Text, config: Config, seed: int, device: torch.device
) -> GPT:
    """Train a small model with this scheme of positions."""
    torch.manual_seed(seed)
    model_config = GPTConfig(text.vocab_size, CONTEXT, 2, 4, 64, 256, positions=scheme)
    if scheme == "sinusoidal":  # amplitude 1 is large compared with initial embeddings of 0.02
        model_config = replace(model_config, embedding_scale=True)
    model = GPT(model_config).to(device)
    windows = RandomWindows(text.train, CONTEXT, BATCH_SIZE, seed)
    loop = LoopConfig(config.steps, config.learning_rate, seed=seed)
    for _ in train(model, lambda step: [windows(step).to(device)], next_token_loss, loop):
        pass
    return model


def held_out_loss(model: GPT, tokens: Integer[np.ndarray, " M"]) -> HeldOutLoss:
    """Score the same tokens in windows of every length."""
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
    return HeldOutLoss(losses, along)


def compare_schemes(text: Text, config: Config, device: torch.device) -> dict[str, Any]:
    """Train and score a model for every scheme and seed."""
    found: dict[str, Any] = {}
    for scheme in SCHEMES:
        models = []
        for seed in range(config.repeats):
            model = train_model(scheme, text, config, seed, device)
            models.append(held_out_loss(model, text.validation))
            print(f"{scheme}, seed {seed}: {models[-1].losses}", file=sys.stderr)
        found[scheme] = {
            "loss": {str(length): [each.losses[length] for each in models] for length in LENGTHS},
            "along": [
                round(mean(each), 4) for each in zip(*(each.along for each in models), strict=True)
            ],
        }
    return found


def print_table(found: dict[str, Any]) -> None:
    """Print the mean losses, with the range over the seeds in brackets."""
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
    """Measure, and print the report."""
    device, started = pick_device(config.device), time.perf_counter()
    torch.set_num_threads(1)
    text = load_text(config)
    schemes = compare_schemes(text, config, device)
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
        "text": text.sha256,
        **measurement_conditions(device, started),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        print_table(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("length_extrapolation", Config, main).main())
