"""pass@k: how often at least one of k samples is right.

    pass@k = 1 - C(n - c, k) / C(n, k)    for n samples of a problem, c of them right

(Chen et al. 2021, "Evaluating large language models trained on code", eq. 1: unbiased for k <= n.)
pass@1 is what one sample is worth; a pass@8 far above it is what voting, search and reinforcement
learning have to gain. Samples of a problem that are all right or all wrong are flat: they say
nothing about which of them was better.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from gpt.errors import BadInput


def pass_at_k(n: int, n_right: int, k: int) -> float:
    """Return the chance that k of n samples, drawn without replacement, include a right one.

    Raises:
        BadInput: the numbers are not 0 <= n_right <= n and 1 <= k <= n.
    """
    if not 0 <= n_right <= n or not 1 <= k <= n:
        raise BadInput(f"there is no pass@{k} for {n_right} right of {n} samples")
    return 1 - math.comb(n - n_right, k) / math.comb(n, k)


class PassRates(NamedTuple):
    """How often samples of a model are right, as means over problems."""

    pass_at_1: float
    pass_at_n: float
    """Share of problems with at least one right sample."""
    flat: float
    """Share of problems whose samples are all right or all wrong."""


def pass_rates(right: Bool[np.ndarray, "M N"]) -> PassRates:
    """Return the rates of M problems with N samples each."""
    some, all_right = right.any(axis=1), right.all(axis=1)
    return PassRates(float(right.mean()), float(some.mean()), float((all_right | ~some).mean()))
