"""The gate: a start model must leave something to learn, or no method can show what it adds.

    countdown, one sample in         20 to 45 %      below, no hits to learn from; above, few misses
    countdown, eight samples in      at least twice that
    countdown, flat groups of eight  below 45 %      a flat group teaches GRPO nothing
    chain, one sample in             50 to 85 %      between these, votes help most

All at temperature 1, on held-out problems; more than four attempts count as wrong.
"""

from dataclasses import dataclass

import numpy as np
import torch

from gpt.model.gpt import GPT
from reasoning.evaluation.answers import count_attempts, solves_chain, solves_puzzle
from reasoning.evaluation.pass_rates import PassRates, pass_rates
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.data import MAX_ATTEMPTS, Tasks, sample_puzzle
from reasoning.start.traces import chain_prompt, countdown_prompt
from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import ANSWER, THINK

N_SAMPLES = 8
MAX_TRACE = 110
"""Tokens of four attempts and an answer; a chain and a direct answer need fewer."""


@dataclass(frozen=True)
class StartReport:
    """How often samples are right, by task; `direct` without any steps before the answer."""

    countdown: PassRates
    chain: PassRates
    direct_countdown: PassRates
    direct_chain: PassRates

    def faults(self) -> list[str]:
        """Return a sentence for each condition of the gate that does not hold."""
        one, eight, flat = self.countdown
        conditions = {
            f"countdown pass@1 is {one:.1%}, not 20 to 45 %": 0.20 <= one <= 0.45,
            f"countdown pass@8 is {eight:.1%}, less than twice pass@1": eight >= 2 * one,
            f"{flat:.1%} of the groups of countdown are flat, not below 45 %": flat < 0.45,
            f"chain pass@1 is {self.chain.pass_at_1:.1%}, not 50 to 85 %": (
                0.50 <= self.chain.pass_at_1 <= 0.85
            ),
        }
        return [sentence for sentence, holds in conditions.items() if not holds]

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return the rates by task and name."""
        return {task: rates._asdict() for task, rates in vars(self).items()}


def held_out_puzzles(tasks: Tasks, n: int, seed: int = 0) -> list[Puzzle]:
    """Return `n` held-out puzzles, each once, with their numbers in random order."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(tasks.four.held_out))[:n]
    return [sample_puzzle((tasks.four.held_out[place],), random) for place in order]


def held_out_chains(tasks: Tasks, n: int, seed: int = 0) -> list[Chain]:
    """Return `n` chains; there are so many that a chain of training hardly comes again."""
    random = np.random.default_rng([seed, n])
    return [tasks.sample_chain(random) for _ in range(n)]


def report_start(model: GPT, tasks: Tasks, n_problems: int, seed: int = 0) -> StartReport:
    """Sample eight texts for each of `n_problems` held-out problems of each task."""
    puzzles, chains = held_out_puzzles(tasks, n_problems), held_out_chains(tasks, n_problems)
    generator = torch.Generator(next(model.parameters()).device).manual_seed(seed)

    def texts(prompts: list[str]) -> list[list[str]]:
        return sample_texts(model, prompts, N_SAMPLES, 1.0, MAX_TRACE, generator)

    def puzzle_rates(mode: str) -> PassRates:
        samples = texts([countdown_prompt(puzzle, mode) for puzzle in puzzles])
        return pass_rates(
            np.array(
                [
                    [
                        count_attempts(text) <= MAX_ATTEMPTS and solves_puzzle(puzzle, text)
                        for text in row
                    ]
                    for puzzle, row in zip(puzzles, samples, strict=True)
                ]
            )
        )

    def chain_rates(mode: str) -> PassRates:
        samples = texts([chain_prompt(chain, mode) for chain in chains])
        pairs = zip(chains, samples, strict=True)
        return pass_rates(
            np.array([[solves_chain(chain, text) for text in row] for chain, row in pairs])
        )

    return StartReport(
        puzzle_rates(THINK), chain_rates(THINK), puzzle_rates(ANSWER), chain_rates(ANSWER)
    )
