"""Train five tiny models on equal data and fit a scaling law to their losses: `scaling_law`.

    uv run python packages/gpt/scripts/scaling_law.py --json

Equal data: each model of 3 layers, between 16 and 64 wide, sees the same 400 batches of 8 x 64
characters of the documentation inside this Python, a fifth of the text. Then the law
L(N) = E + A / N^alpha is fitted to all five held-out losses, and each is predicted from the other
four. The hyperparameters are those of the fast recipe, not tuned for any size.

400 steps, 2 seeds, one very busy core (CPU), 42 minutes; torch 2.15, Python 3.11. Held-out loss in
nats per character; `chapters/recorded/scaling_law.json` is what it printed, for chapter 14.

    L(N) = 1.544 + 8.99 / N^0.275
    parameters   loss    fit   predicted from the others
        11,072  2.239  2.238       2.219 (-0.019)
        23,520  2.105  2.108       2.110 (+0.006)
        40,576  2.031  2.029       2.028 (-0.003)
        88,512  1.937  1.935       1.934 (-0.003)
       154,880  1.878  1.880       1.885 (+0.007)
"""

import json
import sys
import time
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer

from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.scaling_law import fit_power_law, predict_left_out
from gpt.evaluation.scores import negative_log_likelihoods
from gpt.model.gpt import GPT, GPTConfig
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.text.documents import documents_sha256, load_documents, split_documents
from gpt.text.token_files import RandomWindows, encode_documents
from gpt.text.tokenizers import CharacterTokenizer
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import train
from gpt.training.recipes import FAST_RECIPE

CONTEXT, BATCH_SIZE, N_LAYERS, HEAD_WIDTH = 64, 8, 3, 8
MAX_CHARACTERS, SCORED_TOKENS = 1_000_000, 32_768


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    data: str = "python"
    """A text file, or `python` for Python's documentation."""
    widths: tuple[int, ...] = (16, 24, 32, 48, 64)
    """Width of each model, a multiple of 8."""
    steps: int = 400
    """Training steps of each model."""
    repeats: int = 2
    """Models per width, with the seeds 0, 1, ...; the law is fitted to their mean loss."""
    device: str = "cpu"
    """Device: auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse widths that a law cannot be fitted to and tested with."""
        if len(set(self.widths)) < 4:
            raise BadInput(f"widths must have at least 4 different values, got {self.widths}")
        for width in self.widths:
            if width < HEAD_WIDTH or width % HEAD_WIDTH:
                raise BadInput(f"a width must be a multiple of {HEAD_WIDTH}, got {width}")
        if self.repeats < 1:
            raise BadInput(f"repeats must be at least 1, got {self.repeats}")


def train_and_score(
    config: GPTConfig, streams: list[Integer[np.ndarray, " N"]], steps: int, seed: int
) -> float:
    """Train a model on the first stream and return its loss on the second, in nats."""
    torch.manual_seed(seed)
    model = GPT(config)
    windows = RandomWindows(streams[0], CONTEXT, BATCH_SIZE, seed)
    loop = replace(FAST_RECIPE.loop, steps=steps, seed=seed)
    for _ in train(model, lambda step: [windows(step)], next_token_loss, loop):
        pass
    return float(negative_log_likelihoods(model, streams[1], CONTEXT).mean())


def measure_sizes(config: Config) -> dict[str, Any]:
    """Train all models; return the sizes, their losses, and what the text was."""
    documents = load_documents(config.data, MAX_CHARACTERS)
    split = split_documents(documents, share=0.1, seed=0)
    tokenizer = CharacterTokenizer.train(documents)
    learn, held_out = (encode_documents(tokenizer, part) for part in split)
    streams = [learn, held_out[:SCORED_TOKENS]]
    sizes, losses = [], []
    for width in config.widths:
        shape = GPTConfig(
            tokenizer.vocab_size,
            CONTEXT,
            N_LAYERS,
            width // HEAD_WIDTH,
            width,
            4 * width,
            **FAST_RECIPE.model_fields,
        )
        sizes.append(GPT(shape).n_parameters())
        seeds = range(config.repeats)
        losses.append([train_and_score(shape, streams, config.steps, seed) for seed in seeds])
        print(f"width {width}: {sizes[-1]:,} parameters, losses {losses[-1]}", file=sys.stderr)
    return {
        "widths": list(config.widths),
        "n_parameters": sizes,
        "losses": losses,
        "training_tokens": config.steps * BATCH_SIZE * CONTEXT,
        "text_tokens": len(streams[0]),
        "validation_tokens": len(streams[1]),
        "text": documents_sha256(documents),
    }


def main(config: Config) -> int:
    """Measure, fit, predict each size from the others, and print the report."""
    device, started = pick_device(config.device), time.perf_counter()
    torch.set_num_threads(1)
    measured = measure_sizes(config)
    sizes, losses = measured["n_parameters"], [mean(each) for each in measured["losses"]]
    law, predicted = fit_power_law(sizes, losses), predict_left_out(sizes, losses)
    found = {
        **measured,
        "law": law._asdict(),
        "predicted_from_the_others": predicted,
        **measurement_conditions(device, started),
    }
    if config.json:
        print(json.dumps(found, indent=1))
        return 0
    print(f"L(N) = {law.floor:.3f} + {law.coefficient:.3g} / N^{law.alpha:.3f}")
    print("parameters   loss    fit   predicted from the others")
    for size, loss, other in zip(sizes, losses, predicted, strict=True):
        print(f"{size:10,} {loss:6.3f} {law.loss(size):6.3f} {other:11.3f} ({other - loss:+.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(Script("scaling_law", Config, main).main())
