"""The first error of an attempt according to a verifier: the first step whose score is too low.

"Too low" means below one threshold, chosen on training attempts so that it agrees most often with
their Monte-Carlo labels (the first step after which no rollout wins). On held-out attempts, this
step is compared with the exact one: the first step after which no moves win. It is either a legal
move that loses, or a step with a wrong result or with numbers that are not there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reasoning.verifier.attempts import Attempt, first_lost_step, first_wrong_step

THRESHOLDS = np.geomspace(0.005, 0.5, 41)
"""Thresholds to choose from."""


class Localisation(NamedTuple):
    """Rates at which the first error is found, in attempts that lose."""

    n: int
    found: float
    """Share of the attempts in which the right step is named."""
    first_step: float
    """Share in which step 1 is the error: the baseline that always guesses step 1."""


def first_low_step(scores: Sequence[float], threshold: float) -> int | None:
    """Return the first step, from 1, whose score is below the threshold; None if none is."""
    return next((k for k, score in enumerate(scores, start=1) if score < threshold), None)


def choose_threshold(
    scores: Sequence[Sequence[float]], first_errors: Sequence[int | None]
) -> float:
    """Return the threshold with which the step that is found agrees most often with the labels."""
    pairs = list(zip(scores, first_errors, strict=True))
    agreement = [
        sum(first_low_step(row, threshold) == error for row, error in pairs)
        for threshold in THRESHOLDS
    ]
    return float(THRESHOLDS[int(np.argmax(agreement))])


def localise(attempts: Sequence[Attempt], named: Sequence[int | None]) -> dict[str, Localisation]:
    """Compare the named steps of attempts with the exact first errors, by the kind of error."""
    kinds: dict[str, list[tuple[int | None, int]]] = {
        "any": [],
        "losing move": [],
        "wrong step": [],
    }
    for attempt, step in zip(attempts, named, strict=True):
        error = first_lost_step(attempt)
        if error is not None:
            is_wrong = error == first_wrong_step(attempt)
            for kind in ("any", "wrong step" if is_wrong else "losing move"):
                kinds[kind].append((step, error))
    return {
        kind: Localisation(
            len(pairs),
            float(np.mean([step == error for step, error in pairs])),
            float(np.mean([error == 1 for _, error in pairs])),
        )
        for kind, pairs in kinds.items()
        if pairs
    }
