r"""The first error of an attempt by binary search (Luo et al. 2024, "OmegaPRM", section 3.2).

    first error = smallest k such that no rollout from the end of step k wins

Once no rollout can win, none can win later either, so all steps before the first error are good and
all steps from there on are bad. So a binary search needs rollouts from only log2(steps) of the
steps, where labels need them from every step. With few rollouts, the step that is found is often
too early, since a good step from which wins are rare looks bad.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from gpt.model.gpt import GPT
from reasoning.verifier.attempts import Attempt, finish_attempts
from reasoning.verifier.labels import is_certain


class FirstErrors(NamedTuple):
    """The first error of each attempt, and the rollouts that were needed."""

    steps: list[int | None]
    """Number of the step, from 1; None for an attempt that wins."""
    n_rollouts: int
    n_tokens: int


def search_first_errors(
    n_steps: Sequence[int], some_win: Callable[[list[tuple[int, int]]], list[bool]]
) -> list[int]:
    """Return the first step of each lost attempt after which no rollout wins, by binary search.

    Args:
        n_steps: the number of steps of each attempt. No rollout wins after the last of them.
        some_win: takes pairs of an attempt's index and a number of steps, and returns for each pair
            whether any rollout after so many steps wins. It is called once per round, for all
            attempts whose search goes on.
    """
    good, bad = [0] * len(n_steps), list(n_steps)  # the first error lies in good + 1 to bad
    for _ in range(math.ceil(math.log2(max(n_steps, default=1) or 1))):
        middles = [
            (attempt, (low + high) // 2)
            for attempt, (low, high) in enumerate(zip(good, bad, strict=True))
            if high - low > 1
        ]
        for (attempt, middle), wins in zip(middles, some_win(middles), strict=True):
            (good if wins else bad)[attempt] = middle
    return bad


def first_errors(
    model: GPT, attempts: Sequence[Attempt], n_rollouts: int, generator: torch.Generator
) -> FirstErrors:
    """Return the first error of each attempt by rollouts; a wrong step needs none."""
    lost = [attempt for attempt in attempts if not attempt.wins]
    spent_rollouts = spent_tokens = 0

    def some_win(places: list[tuple[int, int]]) -> list[bool]:
        nonlocal spent_rollouts, spent_tokens
        prefixes = [lost[attempt].prefix(k) for attempt, k in places]
        open_prefixes = [prefix for prefix in prefixes if not is_certain(prefix)]
        beginnings = [prefix for prefix in open_prefixes for _ in range(n_rollouts)]
        rollouts = finish_attempts(model, beginnings, generator)
        spent_rollouts += len(beginnings)
        spent_tokens += rollouts.n_tokens
        wins = [rollout.wins for rollout in rollouts.attempts]
        starts = iter(range(0, len(wins), n_rollouts))
        return [
            prefix.wins if is_certain(prefix) else any(wins[(i := next(starts)) : i + n_rollouts])
            for prefix in prefixes
        ]

    found = iter(search_first_errors([len(attempt.steps) for attempt in lost], some_win))
    steps = [None if attempt.wins else next(found) for attempt in attempts]
    return FirstErrors(steps, spent_rollouts, spent_tokens)
