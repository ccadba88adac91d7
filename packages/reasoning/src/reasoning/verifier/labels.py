r"""Labels of steps by Monte Carlo (Wang et al. 2023, "Math-Shepherd", section 3.3).

    soft label of step k = (rollouts that win) / N        hard label = (at least one wins)

The start model finishes the attempt N times from the end of each step. Nobody has to judge a step:
a good step is one from which attempts win. A soft label is an unbiased estimate of V^pi, with a
variance of V^pi (1 - V^pi) / N.

Departures: an exact check says which rollouts win, where the paper compares answers, so a rollout
that wins by two errors that cancel does not count. After a wrong step, and after the last one, the
outcome is certain and costs no rollout.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from reasoning.verifier.attempts import Attempt, finish_attempts


class StepLabels(NamedTuple):
    """An attempt with the soft label of each of its steps."""

    attempt: Attempt
    soft: list[float]
    """Share of the rollouts after each step that win."""

    @property
    def hard(self) -> list[bool]:
        """Whether any rollout after each step wins."""
        return [share > 0 for share in self.soft]


class LabelledAttempts(NamedTuple):
    """Attempts with their labels, and the tokens that the rollouts cost."""

    labels: list[StepLabels]
    n_tokens: int


def is_certain(prefix: Attempt) -> bool:
    """Whether the outcome of a prefix is known: it has a wrong step, or one number is left."""
    state = prefix.state
    return len(state.moves) < len(prefix.steps) or state.is_terminal


def label_steps(
    model: GPT, attempts: Sequence[Attempt], n_rollouts: int, generator: torch.Generator
) -> LabelledAttempts:
    """Label every step of every attempt by the share of its rollouts that win.

    Raises:
        BadInput: n_rollouts is below 1.
    """
    if n_rollouts < 1:
        raise BadInput(f"n_rollouts must be at least 1, got {n_rollouts}")
    # the prefix that ends with step k, for every step of every attempt
    prefixes = [attempt.prefix(k) for attempt in attempts for k in range(1, len(attempt.steps) + 1)]
    open_prefixes = [prefix for prefix in prefixes if not is_certain(prefix)]
    beginnings = [prefix for prefix in open_prefixes for _ in range(n_rollouts)]
    rollouts = finish_attempts(model, beginnings, generator)
    wins = [rollout.wins for rollout in rollouts.attempts]
    shares = iter(
        sum(wins[begin : begin + n_rollouts]) / n_rollouts
        for begin in range(0, len(wins), n_rollouts)
    )
    soft = iter([float(prefix.wins) if is_certain(prefix) else next(shares) for prefix in prefixes])
    labels = [StepLabels(attempt, [next(soft) for _ in attempt.steps]) for attempt in attempts]
    return LabelledAttempts(labels, rollouts.n_tokens)
