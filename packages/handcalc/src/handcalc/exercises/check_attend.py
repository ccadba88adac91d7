"""Check attention for one query: softmax weights, and the weighted sum of the values."""

import math
from collections.abc import Callable

from handcalc.calculation import Matrix, Vector


def check(attend: Callable[[Vector, Matrix, Matrix], Vector]) -> None:
    """Check cases by hand, at widths whose square roots are whole numbers."""
    three, two = math.log(3), math.log(2)
    cases = [
        # scores ln 3 and 0, shares 3/4 and 1/4
        ([2.0, 0, 0, 0], [[three, 0, 0, 0], [0.0, 5, 0, 0]], [[4.0], [8.0]], [5.0]),
        # scores 0, ln 2, 0 and shares 1/4, 2/4, 1/4; values are wider than keys
        ([-2.0], [[0.0], [-two / 2], [0.0]], [[4.0, 0], [6.0, 1], [8.0, 0]], [6.0, 0.5]),
        ([7.0], [[9.0]], [[1.0, 2.0, 3.0]], [1.0, 2.0, 3.0]),  # nobody else to look at
        ([1000.0], [[1.0], [1.0]], [[2.0], [4.0]], [3.0]),  # powers too large for a float
    ]
    for query, keys, values, expected in cases:
        try:
            found = attend(query, keys, values)
        except OverflowError as error:
            raise AssertionError(f"the query {query} to keys {keys}: {error}") from error
        same = len(found) == len(expected)
        same = same and all(abs(a - b) < 1e-12 for a, b in zip(found, expected, strict=True))
        assert same, (
            f"the query {query} takes {expected} from keys {keys} and values {values}, not {found}"
        )
