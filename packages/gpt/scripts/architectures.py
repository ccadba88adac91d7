"""Train the shapes of GPT, BERT and T5 on the same pairs, and compare accuracy and cost.

    uv run python packages/gpt/scripts/architectures.py --json

1,200 steps, three seeds, one core of an AMD EPYC, 15 minutes; torch 2.15, Python 3.11.
`chapters/recorded/architectures.json` is what it printed, and chapter 17 reads it.

                exact match after 200, 400, ..., 1200 steps     Mflop/pair    step   64 answers
    translate   GPT    34.3%  93.7%  99.7%   100%   100%   100%            7.0   51 ms        32 ms
                BERT    0.0%   1.3%  46.7%   100%   100%   100%            7.5   53 ms        11 ms
                T5     93.5%  94.2%   100%   100%   100%   100%            3.5   39 ms        15 ms
    fill in     GPT    20.5%  57.5%  82.2%  94.8%  97.3%  98.2%            7.4   44 ms        24 ms
                BERT   21.5%  41.2%  67.5%  82.5%  93.0%  96.8%            7.9   44 ms        19 ms
                T5     13.0%  24.3%  30.3%  35.3%  49.8%  57.7%            3.7   27 ms        14 ms

These are means over the seeds. The table says which shape learns sooner at this size, not what each
could reach.

Two tasks of an invented language (`gpt.architectures.translation`): translate a sentence, and fill
in one word of a translation that follows its source. All models have 4 layers of width 64
(T5: 2 + 2), the same pairs in the same order, steps and learning rate. Times are medians of
interleaved calls in one process, for a batch of 64 pairs.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gpt.architectures.cross_attention import CrossAttention
from gpt.architectures.teacher_forcing import TokenPair
from gpt.architectures.three_shapes import SHAPES, AnswerFormat, AnsweringModel
from gpt.architectures.translation import (
    BEGIN,
    MASK_TOKEN,
    draw_cloze,
    draw_pairs,
    draw_translation,
    encode_pairs,
    exact_match,
    task_tokenizer,
)
from gpt.errors import BadInput
from gpt.model.heads import MultiHeadAttention
from gpt.policy.rows import EpochSampler
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.training.loop import LoopConfig, train

TASKS = {"translate": (draw_translation, 8, 9), "fill in": (draw_cloze, 16, 2)}
"""Function that draws a pair, and the most tokens of a source and of an answer with its end."""
N_LAYERS, D_MODEL, BATCH_SIZE = 4, 64, 64


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    steps: int = 1200
    """Training steps of each model."""
    seeds: int = 3
    """Models per shape and task, with the seeds 0, 1, ...: other first weights, other order."""
    learning_rate: float = 3e-3
    """Peak learning rate."""
    tests: int = 6
    """Tests during training, evenly spaced."""
    train_pairs: int = 8000
    """Pairs to train on."""
    test_pairs: int = 200
    """Held-out pairs."""
    timed_steps: int = 15
    """Steps per shape whose median time is reported."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse an experiment without results."""
        for name in ("seeds", "tests", "timed_steps"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def compare_shapes(task: str, config: Config) -> dict[str, Any]:
    """Train and test every shape on a task, and measure its cost."""
    draw, max_source, max_answer = TASKS[task]
    tokenizer = task_tokenizer()
    end = tokenizer.end_of_text
    form = AnswerFormat(BEGIN, end, MASK_TOKEN, tokenizer.vocab_size, max_source, max_answer)
    split = draw_pairs(draw, config.train_pairs, config.test_pairs, seed=0)
    pairs, test = (encode_pairs(tokenizer, part) for part in split)
    models = {name: make(form, N_LAYERS, D_MODEL) for name, make in SHAPES.items()}
    found: dict[str, Any] = measure_costs(models, pairs[:BATCH_SIZE], config.timed_steps)
    for name, make in SHAPES.items():
        found[name]["exact_match"] = []
        for seed in range(config.seeds):
            torch.manual_seed(seed)
            shares = exact_matches(make(form, N_LAYERS, D_MODEL), pairs, test, config, seed)
            found[name]["exact_match"].append(shares)
            print(f"{task}, {name}, seed {seed}: {shares}", file=sys.stderr)
    return found


def exact_matches(
    each: AnsweringModel, pairs: list[TokenPair], test: list[TokenPair], config: Config, seed: int
) -> list[float]:
    """Train a model; return the fraction of held-out answers that are right, at each test."""
    rows, shares = EpochSampler(len(pairs), BATCH_SIZE, seed), []

    def batches(step: int) -> list[Any]:
        return [each.batch([pairs[row] for row in rows(step)])]

    for record in train(
        each.model, batches, each.loss, LoopConfig(config.steps, config.learning_rate)
    ):
        if record.step * config.tests % config.steps < config.tests:
            each.model.eval()
            written = each.answer([source for source, _ in test])
            share = exact_match(written, [target for _, target in test])
            shares.append(round(share, 4))
            each.model.train()
    return shares


def measure_costs(
    models: dict[str, AnsweringModel], pairs: list[Any], n_steps: int
) -> dict[str, dict[str, Any]]:
    """Measure parameters, FLOPs per pair, and interleaved times of training and answering."""
    costs: dict[str, dict[str, Any]] = {}
    for name, each in models.items():
        costs[name] = {
            "parameters": sum(parameter.numel() for parameter in each.model.parameters()),
            "forward_mflops": round(count_flops(each, pairs) / len(pairs) / 1e6, 3),
        }
    train_ms = interleaved_ms(
        {name: gradient_step(each, pairs) for name, each in models.items()}, n_steps
    )
    sources = [source for source, _ in pairs]
    answer_ms = interleaved_ms(
        {name: lambda each=each: each.answer(sources) for name, each in models.items()}, n_steps
    )
    for name in models:
        costs[name] |= {"step_ms": train_ms[name], "answer_ms": answer_ms[name]}
    return costs


def count_flops(each: AnsweringModel, pairs: list[Any]) -> int:
    """Count the floating-point operations of a forward pass: linear maps, scores and means.

    An output of a linear map with n inputs takes 2 n, and so does a score between two vectors of n
    numbers or a mean of n values. The head, norms and activations are left out.
    """
    counts: list[int] = []

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        match module:
            case nn.Linear():
                counts.append(2 * output.numel() * module.in_features)
            case CrossAttention():
                counts.append(4 * output.numel() * inputs[1].keys.shape[2])
            case MultiHeadAttention():
                counts.append(4 * output.numel() * output.shape[1])

    hooks = [module.register_forward_hook(count) for module in each.model.modules()]
    with torch.no_grad():
        each.loss(each.model, each.batch(pairs))
    for hook in hooks:
        hook.remove()
    return sum(counts)


def gradient_step(each: AnsweringModel, pairs: list[Any]) -> Callable[[], None]:
    """Return a function that computes the gradient of one batch."""
    batch = each.batch(pairs)

    def step() -> None:
        each.model.zero_grad()
        each.loss(each.model, batch).total.backward()

    return step


def interleaved_ms(functions: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return median times in milliseconds; the functions are called in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - started)
    return {name: round(1000 * statistics.median(each[1:]), 2) for name, each in seconds.items()}


def print_table(found: dict[str, Any]) -> None:
    """Print a row per task, shape and seed."""
    print("task       shape   parameters  Mflop/pair  step ms  answer ms  exact match at each test")
    for task, shapes in found["tasks"].items():
        for name, each in shapes.items():
            for shares in each["exact_match"]:
                print(
                    f"{task:10} {name:6} {each['parameters']:11,} {each['forward_mflops']:11.2f} "
                    f"{each['step_ms']:8.1f} {each['answer_ms']:10.1f}  "
                    + " ".join(f"{share:6.1%}" for share in shares)
                )


def main(config: Config) -> int:
    """Measure, and print the report."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    found = {
        "steps": config.steps,
        "seeds": config.seeds,
        "tests": config.tests,
        "batch_size": BATCH_SIZE,
        "train_pairs": config.train_pairs,
        "test_pairs": config.test_pairs,
        "tasks": {task: compare_shapes(task, config) for task in TASKS},
        **measurement_conditions(torch.device("cpu"), started),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        print_table(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("architectures", Config, main).main())
