"""Rates of the rows with their intervals, and paired differences between rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, bootstrap_mean, paired_difference
from reasoning.table.setting import Outcome

Outcomes = Sequence[Sequence[Outcome]]
"""Outcomes of a row, by seed and problem."""
Right = Float[np.ndarray, "S M"]
"""Whether a row was right, by seed and problem."""


class RowRate(NamedTuple):
    """Accuracy of a row and its cost per problem, as means over seeds and problems."""

    right: float
    low: float
    """Lower end of the 95 % interval of `right`: problems are drawn again, seeds are averaged."""
    high: float
    by_seed: list[float]
    generated: float
    """Tokens that a model generated."""
    read: float
    """Tokens that a model read in addition."""
    evaluated: float
    """States that were evaluated."""

    @property
    def tokens(self) -> float:
        """Tokens that a row costs per problem, generated and read."""
        return self.generated + self.read


def row_rate(outcomes: Outcomes) -> RowRate:
    """Return the rate of a row from its outcomes, one list per seed.

    Raises:
        BadInput: there are no outcomes.
    """
    right = right_of(outcomes)
    costs = [each.cost for row in outcomes for each in row]
    _, low, high = bootstrap_mean(right.mean(axis=0), np.random.default_rng(0))
    return RowRate(
        float(right.mean()),
        low,
        high,
        right.mean(axis=1).tolist(),
        *(
            float(np.mean([getattr(cost, name) for cost in costs]))
            for name in ("generated", "read", "evaluated")
        ),
    )


def right_of(outcomes: Outcomes) -> Right:
    """Return whether each problem was right, one row per seed.

    Raises:
        BadInput: there are no outcomes.
    """
    if not outcomes or not outcomes[0]:
        raise BadInput("a row of the table needs at least one problem")
    return np.array([[each.right for each in row] for row in outcomes])


def paired_gain(better: Outcomes, worse: Outcomes) -> Interval:
    """Return the difference in accuracy of two rows, paired over problems; seeds are averaged."""
    better_rates, worse_rates = (right_of(each).mean(axis=0) for each in (better, worse))
    return paired_difference(better_rates, worse_rates, np.random.default_rng(0))
