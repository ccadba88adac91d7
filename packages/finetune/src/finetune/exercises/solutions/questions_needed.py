"""The number of questions that a comparison needs."""

from itertools import count

from gpt.evaluation.intervals import wilson_interval


def questions_needed(share: float) -> int:
    """Find the first number whose interval excludes 1/2; about 1 / (share - 1/2)^2."""
    return next(n for n in count(1) if wilson_interval(share, n).low > 1 / 2)
