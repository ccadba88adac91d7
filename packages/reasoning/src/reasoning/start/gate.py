"""The gate: a start model must leave something to learn, or no method can show what it adds.

    countdown pass@1        20 to 45 %
    countdown pass@8        at least twice pass@1
    countdown flat groups   below 45 %
    chain pass@1            50 to 85 %

All at temperature 1, with eight samples of each problem. A flat group is all right or all wrong, so
it teaches reinforcement learning nothing. A vote needs right answers to count, and wrong ones to
outvote: hence the range of the chains.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from reasoning.evaluation.answers import solves_chain, solves_puzzle
from reasoning.evaluation.pass_rates import PassRates, pass_rates
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.data import Tasks, sample_puzzle
from reasoning.start.traces import chain_prompt, countdown_prompt
from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import ANSWER, THINK

_Problem = TypeVar("_Problem", Puzzle, Chain)
N_SAMPLES = 8
MAX_TRACE = 110
"""Tokens of four attempts and an answer; a chain and a direct answer need fewer."""


@dataclass(frozen=True)
class StartReport:
    """How often samples are right, by task; `direct` without any reasoning before the answer."""

    countdown: PassRates
    chain: PassRates
    direct_countdown: PassRates
    direct_chain: PassRates

    @classmethod
    def from_json(cls, report: dict[str, dict[str, float]]) -> "StartReport":
        """Return the report that `as_json` wrote."""
        return cls(**{task: PassRates(**rates) for task, rates in report.items()})

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return the rates by task and name."""
        return {task: rates._asdict() for task, rates in vars(self).items()}

    def faults(self) -> list[str]:
        """Return a sentence for each condition of the gate that does not hold."""
        one, eight, flat = self.countdown
        chain = self.chain.pass_at_1
        train = "train with more --steps" if one < 0.20 else "train with fewer --steps"
        change = "lower --chain-operand" if chain < 0.50 else "raise --chain-operand"
        conditions = {
            f"countdown pass@1 is {one:.1%}, not 20 to 45 % ({train})": 0.20 <= one <= 0.45,
            f"countdown pass@8 is {eight:.1%}, less than twice pass@1": eight >= 2 * one,
            f"{flat:.1%} of the groups of countdown are flat, not below 45 %": flat < 0.45,
            f"chain pass@1 is {chain:.1%}, not 50 to 85 % ({change})": 0.50 <= chain <= 0.85,
        }
        return [sentence for sentence, holds in conditions.items() if not holds]


def held_out_puzzles(tasks: Tasks, n: int, seed: int = 0) -> list[Puzzle]:
    """Return `n` held-out puzzles, each once, with their numbers in random order.

    Raises:
        BadInput: there are fewer.
    """
    if n > len(tasks.four.held_out):
        raise BadInput(f"there are {len(tasks.four.held_out)} held-out puzzles, fewer than {n}")
    random = np.random.default_rng(seed)
    order = random.permutation(len(tasks.four.held_out))[:n]
    return [sample_puzzle((tasks.four.held_out[place],), random) for place in order]


def fresh_chains(tasks: Tasks, n: int, seed: int = 0) -> list[Chain]:
    """Draw `n` chains with random numbers of their own.

    Training does not exclude them, but with operands up to 30 a repetition is very unlikely.
    """
    random = np.random.default_rng([seed, n])
    return [tasks.sample_chain(random) for _ in range(n)]


def report_start(model: GPT, tasks: Tasks, n_problems: int) -> StartReport:
    """Sample eight texts for each of `n_problems` puzzles and chains, in both modes."""
    puzzles, chains = held_out_puzzles(tasks, n_problems), fresh_chains(tasks, n_problems)
    generator = torch.Generator(next(model.parameters()).device).manual_seed(0)

    def rates(
        problems: Sequence[_Problem],
        prompt: Callable[[_Problem, str], str],
        is_right: Callable[[_Problem, str], bool],
        mode: str,
    ) -> PassRates:
        prompts = [prompt(problem, mode) for problem in problems]
        samples = sample_texts(model, prompts, N_SAMPLES, 1.0, MAX_TRACE, generator)
        pairs = zip(problems, samples, strict=True)
        return pass_rates(np.array([[is_right(each, text) for text in row] for each, row in pairs]))

    return StartReport(
        rates(puzzles, countdown_prompt, solves_puzzle, THINK),
        rates(chains, chain_prompt, solves_chain, THINK),
        rates(puzzles, countdown_prompt, solves_puzzle, ANSWER),
        rates(chains, chain_prompt, solves_chain, ANSWER),
    )
