"""Watch induction heads appear in training: `induction`.

    uv run python packages/gpt/scripts/induction.py --json

600 steps, three seeds and the control, one busy core (CPU), 4.3 minutes; torch 2.15, Python 3.11.
`chapters/recorded/induction.json` is what it printed, and chapter 16 draws it.

    seed     accuracy   induction   previous token   accuracy without the induction heads
    0           1.000        0.99             0.97   0.04
    1           0.996        0.99             0.97   0.05
    2           0.999        0.99             0.97   0.06
    control     0.160        0.10             0.21   none found

A model of two layers learns to continue repeated random sequences. While it does, its accuracy and
the scores of its heads are measured on sequences that it never trains on. In the end the heads that
were found are ablated. The control trains on the same tokens, but each repetition is in another
order, so that there is nothing to continue.
"""

import json
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.inside.ablation import Head, ablated
from gpt.inside.attention_maps import attention_maps
from gpt.inside.head_types import HeadScores, head_scores
from gpt.inside.induction import (
    INDUCTION_LOOP,
    INDUCTION_MODEL,
    RepeatTask,
    Sequences,
    repeat_accuracy,
    repeated_sequences,
    shuffled_sequences,
    train_on_sequences,
)
from gpt.model.gpt import GPT
from gpt.program import Script
from gpt.recording import measurement_conditions

TASK = RepeatTask()


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    steps: int = 600
    """Training steps of each model."""
    seeds: int = 3
    """Models with the seeds 0, 1, ...; all are reported. The control has seed 0."""
    measure_every: int = 20
    """Steps between two measurements."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse an experiment without models or measurements."""
        for name in ("steps", "seeds", "measure_every"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def follow_training(
    sequences: Sequences, held_out: Int[Tensor, "B T"], config: Config, seed: int
) -> dict[str, Any]:
    """Train a model, measure it on the way, and ablate its heads in the end."""
    torch.manual_seed(seed)
    model = GPT(INDUCTION_MODEL)
    loop = replace(INDUCTION_LOOP, steps=config.steps, seed=seed)
    measured = [measurements(model, held_out, 0)]
    for record in train_on_sequences(model, sequences, TASK, loop):
        if record.step % config.measure_every == 0 or record.step == config.steps:
            measured.append(measurements(model, held_out, record.step))
            print(f"{sequences.__name__}, seed {seed}: {measured[-1]}", file=sys.stderr)
    scores = head_scores(model, held_out)
    induction = heads_above_half(scores, "induction")
    previous = heads_above_half(scores, "previous token")
    return {
        "curve": measured,
        "induction_heads": induction,
        "previous_token_heads": previous,
        "accuracy_without_induction_heads": accuracy_without(model, induction, held_out),
        "accuracy_without_previous_token_heads": accuracy_without(model, previous, held_out),
        "example": example_maps(model, scores, held_out[:1]),
    }


def measurements(model: GPT, held_out: Int[Tensor, "B T"], step: int) -> dict[str, Any]:
    """Return the accuracy on held-out repeats, and the highest score of each head type."""
    scores = head_scores(model, held_out)
    return {
        "step": step,
        "accuracy": round(repeat_accuracy(model, held_out), 4),
        "induction": round(scores.highest("induction", 1)[0][1], 4),
        "previous_token": round(scores.highest("previous token", 1)[0][1], 4),
    }


def heads_above_half(scores: HeadScores, kind: str) -> list[Head]:
    """Return the heads with more than half of their attention on a pattern."""
    return [head for head, score in scores.highest(kind, 4) if score > 0.5]


def example_maps(model: GPT, scores: HeadScores, tokens: Int[Tensor, "1 T"]) -> dict[str, Any]:
    """Return one sequence, and the attention of the best head of each type on it."""
    maps = attention_maps(model, tokens)
    example: dict[str, Any] = {"tokens": tokens[0].tolist()}
    for kind in ("previous token", "induction"):
        ((layer, head), _), *_ = scores.highest(kind, 1)
        example[kind] = [
            [round(weight, 2) for weight in row] for row in maps[layer, 0, head].tolist()
        ]
    return example


def accuracy_without(model: GPT, heads: list[Head], held_out: Int[Tensor, "B T"]) -> float | None:
    """Return the accuracy without these heads; None if there are none."""
    if not heads:
        return None
    with ablated(model, heads):
        return round(repeat_accuracy(model, held_out), 4)


def report(found: dict[str, Any]) -> None:
    """Print the last measurement of every model."""
    print("seed       accuracy  induction  previous token  without the induction heads")
    runs = {str(seed): run for seed, run in enumerate(found["runs"])} | {
        "control": found["control"]
    }
    for name, run in runs.items():
        last, without = run["curve"][-1], run["accuracy_without_induction_heads"]
        print(
            f"{name:8} {last['accuracy']:10.3f} {last['induction']:10.2f} "
            f"{last['previous_token']:15.2f}  {'none found' if without is None else without}"
        )


def main(config: Config) -> int:
    """Train the models, and print the report."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    held_out = repeated_sequences(TASK, 64, torch.Generator().manual_seed(10**9))
    found = {
        "steps": config.steps,
        "runs": [
            follow_training(repeated_sequences, held_out, config, seed)
            for seed in range(config.seeds)
        ],
        "control": follow_training(shuffled_sequences, held_out, config, seed=0),
        **measurement_conditions(torch.device("cpu"), started),
    }
    if config.json:
        print(json.dumps(found))
    else:
        report(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("induction", Config, main).main())
