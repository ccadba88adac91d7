"""Ask SmolLM2-135M-Instruct for word problems in other ways: direct, step by step, with examples.

uv run python packages/reasoning/scripts/smollm2.py --json > smollm2.json
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.evaluation.intervals import bootstrap_mean
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.runs.progress import report_message
from reasoning.evaluation.extraction import free_answer
from reasoning.prompting.chats import load_chat_model, sample_chats
from reasoning.prompting.prompts import DIRECT, STEP_BY_STEP, PromptStyle, few_shot_messages
from reasoning.tasks.word_problems import sample_word_problem
from reasoning.voting.votes import majority_vote

SHOTS = (0, 1, 2, 4, 8)
MAX_DIRECT = 12
"""Most tokens of a direct answer: enough for a number, and too few for steps before it."""
VOTE_SHOTS, N_VOTES, VOTE_TEMPERATURE = 4, 8, 0.7


@dataclass(frozen=True)
class SmolConfig:
    """Measure prompts of a chat model on word problems of one and two steps."""

    model: str = "smollm2"
    """Chat model: smollm2, a folder in transformers' format, or a hub id."""
    n_problems: int = 200
    """Word problems, half of one step and half of two. More make the intervals narrower."""
    largest: int = 10
    """Largest number in a problem. Larger numbers are harder."""
    max_new_tokens: int = 80
    """Most tokens of an answer with steps; a longer one is cut off and counts as it is."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Number format of the weights. bf16 is less exact, and faster on most CPUs."""
    seed: int = 0
    """Random seed of the problems and the samples."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no problems, or no room for an answer."""
        for name in ("n_problems", "max_new_tokens"):
            if (value := getattr(self, name)) < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")
        check_seed(self.seed)


def main(config: SmolConfig) -> int:
    """Ask all problems in every way, and print how often the answers are right."""
    began = time.perf_counter()
    random = np.random.default_rng(config.seed)
    examples = [sample_word_problem(random, 1 + i % 2, config.largest, 60) for i in range(8)]
    problems = [
        sample_word_problem(random, 1 + i % 2, config.largest, 60) for i in range(config.n_problems)
    ]
    chat = load_chat_model(config.model, config.precision)

    def numbers(style: PromptStyle, n_shots: int, n: int, temperature: float) -> Any:
        generator = torch.Generator().manual_seed(config.seed)
        chats = [few_shot_messages(each.question, examples[:n_shots], style) for each in problems]
        longest = config.max_new_tokens if style.shows_steps else MAX_DIRECT
        rows = sample_chats(chat, chats, n, temperature, longest, generator)
        values = [[free_answer(answer.text) for answer in row] for row in rows]
        tokens = sum(answer.n_tokens for row in rows for answer in row) / len(rows)
        return [[value and value.number for value in row] for row in values], tokens, rows[0][0]

    arms = []
    for style, style_name in ((DIRECT, "direct"), (STEP_BY_STEP, "step by step")):
        for n_shots in SHOTS:
            answers, tokens, example = numbers(style, n_shots, 1, 0.0)
            pairs = zip(answers, problems, strict=True)
            right = [float(row[0] == problem.answer) for row, problem in pairs]
            arms.append(
                arm_report(f"{style_name}, {n_shots} examples", right, tokens, example.text)
            )
    answers, tokens, example = numbers(STEP_BY_STEP, VOTE_SHOTS, N_VOTES, VOTE_TEMPERATURE)
    pairs = list(zip(answers, problems, strict=True))
    single = [float(np.mean([answer == each.answer for answer in row])) for row, each in pairs]
    vote = [float(majority_vote(row) == each.answer) for row, each in pairs]
    sampled = f"step by step, {VOTE_SHOTS} examples, T = {VOTE_TEMPERATURE}"
    arms.append(arm_report(f"{sampled}, one sample", single, tokens / N_VOTES, example.text))
    arms.append(arm_report(f"{sampled}, vote of {N_VOTES}", vote, tokens, example.text))
    conditions = measurement_conditions(pick_device("cpu"), began)
    if config.json:
        print(json.dumps({"config": asdict(config), "prompts": arms, **conditions}))
        return 0
    print_arms(arms)
    return 0


def arm_report(name: str, right: list[float], tokens: float, example: str) -> dict[str, Any]:
    """Return how often a prompt is right, with its interval, and tell it at once."""
    rate, low, high = bootstrap_mean(np.array(right), np.random.default_rng(0))
    report_message(f"{name}: {rate:.1%} right")
    rates = {"rate": rate, "low": low, "high": high}
    return {"prompt": name, **rates, "tokens": tokens, "example": example, "right": right}


def print_arms(arms: list[dict[str, Any]]) -> None:
    """Print the rates as a table."""
    table = Table("prompt", "right", "95 % interval", "tokens per problem", box=None)
    for arm in arms:
        interval = f"{arm['low']:.1%} to {arm['high']:.1%}"
        table.add_row(arm["prompt"], f"{arm['rate']:.1%}", interval, f"{arm['tokens']:.0f}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(Script("smollm2", SmolConfig, main).main())
