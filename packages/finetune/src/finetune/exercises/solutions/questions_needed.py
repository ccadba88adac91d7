"""How many questions a comparison takes."""

from itertools import count

from finetune.evaluation.intervals import wilson_interval


def questions_needed(share: float) -> int:
    """The first number whose interval leaves 1/2 out; about 1 / (share - 1/2)^2."""
    return next(n for n in count(1) if wilson_interval(share, n).low > 1 / 2)
