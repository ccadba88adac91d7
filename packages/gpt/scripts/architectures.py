"""Train the shapes of GPT, BERT and T5 on the same pairs, and compare accuracy and cost.

    uv run python packages/gpt/scripts/architectures.py --json

300 steps, one busy core shared with other programs (CPU), 12 minutes; torch 2.15, Python 3.11.
`chapters/recorded/architectures.json` is what it printed, and chapter 17 reads it.

                exact match after 100, 200, 300 steps    Mflop per pair    step    64 answers
    translate   GPT     0.5%     3.5%    19.5%                      7.0    269 ms      342 ms
                BERT    0.0%     0.0%     0.0%                      7.5    310 ms      123 ms
                T5     28.0%    98.0%   100.0%                      3.5    237 ms      196 ms
    fill in     GPT    17.0%    20.0%    24.0%                      7.4    172 ms       77 ms
                BERT   18.0%    23.5%    35.0%                      7.9    179 ms       63 ms
                T5     18.5%    21.5%    21.0%                      3.7    116 ms       39 ms

One seed, and short training: the table says which shape learns sooner, not what each could reach.

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

    steps: int = 300
    """Training steps of each model."""
    learning_rate: float = 3e-3
    """Peak learning rate."""
    tests: int = 3
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
        for name in ("tests", "timed_steps"):
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
    torch.manual_seed(0)
    models = {name: make(form, N_LAYERS, D_MODEL) for name, make in SHAPES.items()}
    found: dict[str, Any] = measure_costs(models, pairs[:BATCH_SIZE], config.timed_steps)
    for name, each in models.items():
        found[name]["exact_match"] = exact_matches(each, pairs, test, config)
        print(f"{task}, {name}: {found[name]}", file=sys.stderr)
    return found


def exact_matches(
    each: AnsweringModel, pairs: list[TokenPair], test: list[TokenPair], config: Config
) -> list[float]:
    """Train a model; return the fraction of held-out answers that are right, at each test."""
    rows, shares = EpochSampler(len(pairs), BATCH_SIZE, seed=0), []

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
    """Print a row per task and shape."""
    print(
        "task       shape  exact match at each test      parameters  Mflop/pair  step ms  answer ms"
    )
    for task, shapes in found["tasks"].items():
        for name, each in shapes.items():
            exact = ", ".join(f"{share:.1%}" for share in each["exact_match"])
            print(
                f"{task:10} {name:6} {exact:30} {each['parameters']:10,} "
                f"{each['forward_mflops']:11.2f} {each['step_ms']:8.1f} {each['answer_ms']:10.1f}"
            )


def main(config: Config) -> int:
    """Measure, and print the report."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    found = {
        "steps": config.steps,
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
