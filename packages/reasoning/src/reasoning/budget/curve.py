r"""Accuracy by the number of attempts of a trace, and the three numbers of s1 that describe it.

With A a set of budgets, a the tokens that a budget was measured to use and f(a) its accuracy
(Muennighoff et al. 2025, section 3.2):

    control      share of the traces within their budget
    scaling      mean over all pairs a < b of (f(b) - f(a)) / (b - a)
    performance  max over a of f(a)

Here control is counted per trace: a trace keeps its budget if it has as many attempts as the budget
says, and an answer.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from gpt.errors import BadInput
from gpt.evaluation.intervals import bootstrap_mean
from gpt.model.gpt import GPT
from reasoning.budget.forcing import AttemptBudget, ForcedTrace, forced_traces
from reasoning.evaluation.answers import solves_puzzle
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle

SampleTraces = Callable[[GPT, list[str], AttemptBudget, float, torch.Generator], list[ForcedTrace]]
"""Samples one trace per prompt within a budget, at a temperature."""


class BudgetPoint(NamedTuple):
    """Traces of one budget: M problems, N traces of each."""

    budget: AttemptBudget
    right: Bool[np.ndarray, "M N"]
    """Whether the answer of each trace is right, by the rules of the game."""
    tokens: float
    """Mean tokens per trace."""
    inserted_waits: float
    """Mean number of inserted waits per trace."""
    control: float
    """Share of the traces that kept the budget and reached an answer."""

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.right.mean())

    @property
    def rates(self) -> Float[np.ndarray, " M"]:
        """Share of right answers per problem."""
        return self.right.mean(axis=1)

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy, over problems."""
        _, low, high = bootstrap_mean(self.rates, np.random.default_rng(0))
        return low, high


class BudgetMetrics(NamedTuple):
    """The three numbers of s1."""

    control: float
    scaling: float
    """Change of accuracy per token."""
    performance: float


def measure_budget(
    model: GPT,
    puzzles: Sequence[Puzzle],
    budget: AttemptBudget,
    n_samples: int,
    temperature: float,
    sample_traces: SampleTraces = forced_traces,
) -> BudgetPoint:
    """Sample `n_samples` traces of each puzzle within a budget, and check their answers.

    Sample n of every budget draws from seed n, so that two budgets differ only in their forcing.
    `sample_traces` is `forced_traces` for attempts in one trace, or `restarted_traces`.

    Raises:
        BadInput: there is no puzzle or no sample.
    """
    if not puzzles or n_samples < 1:
        raise BadInput(f"{len(puzzles)} puzzles with {n_samples} samples leave nothing to measure")
    prompts = [countdown_prompt(puzzle) for puzzle in puzzles]
    device = next(model.parameters()).device
    columns, traces = [], list[ForcedTrace]()
    for seed in range(n_samples):
        generator = torch.Generator(device).manual_seed(seed)
        column = sample_traces(model, prompts, budget, temperature, generator)
        columns.append(
            [
                solves_puzzle(puzzle, trace.text, budget.n_attempts)
                for puzzle, trace in zip(puzzles, column, strict=True)
            ]
        )
        traces += column
    return BudgetPoint(
        budget,
        np.array(columns).T,
        float(np.mean([trace.n_tokens for trace in traces])),
        float(np.mean([trace.n_inserted_waits for trace in traces])),
        float(np.mean([keeps_budget(trace, budget) for trace in traces])),
    )


def keeps_budget(trace: ForcedTrace, budget: AttemptBudget) -> bool:
    """Whether a trace has an answer after as many attempts as its budget says."""
    fewest = 1 if budget.stops_at_hit else budget.n_attempts
    return trace.is_finished and fewest <= trace.n_attempts <= budget.n_attempts


def budget_metrics(points: Sequence[BudgetPoint]) -> BudgetMetrics:
    """Return control, scaling and performance of a curve.

    Two budgets that use equally many tokens have no slope and are left out. If all of them do,
    because the model never takes a second attempt, scaling is 0.

    Raises:
        BadInput: there are fewer than two points.
    """
    if len(points) < 2:
        raise BadInput(f"a slope needs at least two budgets, got {len(points)}")
    slopes = [
        (b.accuracy - a.accuracy) / (b.tokens - a.tokens)
        for a, b in combinations(points, 2)
        if a.tokens != b.tokens
    ]
    return BudgetMetrics(
        float(np.mean([point.control for point in points])),
        float(np.mean(slopes or [0.0])),
        max(point.accuracy for point in points),
    )
