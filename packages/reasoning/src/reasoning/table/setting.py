"""The setting that the rows of the table share: problems, models, and sampled traces.

Rows that choose among samples use the same samples, so that a difference between two such rows is
due to the choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from gpt.model.gpt import GPT
from reasoning.evaluation.sampling import sample_texts
from reasoning.search.cost import Cost, generated_tokens
from reasoning.start.gate import MAX_TRACE
from reasoning.start.traces import chain_prompt, countdown_prompt
from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import THINK
from reasoning.verifier.model import Verifier

N_POOLED = 32
"""Traces of each problem that rows choose among; rows with fewer samples take the first ones."""


class Outcome(NamedTuple):
    """The result of a method on a problem, and its cost."""

    right: float
    """Whether its answer is right, 1 or 0; for a single sample, the mean over several of them."""
    cost: Cost


@dataclass
class Setting:
    """Problems and models of the table, with one seed for all that is sampled."""

    puzzles: list[Puzzle]
    chains: list[Chain]
    model: GPT
    process: Verifier
    """The process reward model."""
    seed: int
    sampled: dict[tuple[str, str, float, int], list[list[str]]] = field(default_factory=dict)
    """Traces by task, mode, temperature and number of samples."""

    def generator(self) -> torch.Generator:
        """Return the random numbers of one row."""
        return torch.Generator(next(self.model.parameters()).device).manual_seed(self.seed)

    def prompts(self, task: str, mode: str = THINK) -> list[str]:
        """Return the prompts of a task."""
        if task == "chain":
            return [chain_prompt(chain, mode) for chain in self.chains]
        return [countdown_prompt(puzzle, mode) for puzzle in self.puzzles]

    def traces(
        self, task: str, n: int, temperature: float = 1.0, mode: str = THINK
    ) -> list[list[str]]:
        """Return `n` samples of each problem, which are the same for all rows."""
        key = task, mode, temperature, n
        if key not in self.sampled:
            self.sampled[key] = sample_texts(
                self.model, self.prompts(task, mode), n, temperature, MAX_TRACE, self.generator()
            )
        return self.sampled[key]


def mean_outcome(right: Sequence[bool], texts: Sequence[str]) -> Outcome:
    """Return the outcome of one trace of a problem, as the mean over several."""
    n_tokens = round(traces_cost(texts).generated / len(texts))
    return Outcome(float(np.mean(right)), Cost(n_tokens))


def traces_cost(texts: Sequence[str], read: int = 0) -> Cost:
    """Return the cost of all traces of a problem, and of the tokens that were read to choose."""
    return Cost(sum(generated_tokens(text.split(), MAX_TRACE) for text in texts), read)
