"""One score from the scores of the steps of an attempt.

    min     the weakest step        Lightman et al. 2023, appendix E; Wang et al. 2023, eq. 6
    prod    all steps are right     Lightman et al. 2023, appendix E
    last    the end                 the value of the state that is reached (Snell et al. 2024)
    mean    the average step

If a score is the chance that its step is right, `prod` is the chance that all steps are right. Our
scores are chances that the attempt wins from there: each already accounts for all later steps, and
the last one for the whole attempt.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean

from gpt.errors import BadInput

AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "prod": math.prod,
    "last": lambda scores: scores[-1],
    "mean": fmean,
}


def aggregate(scores: Sequence[float], how: str) -> float:
    """Return one score for the steps of an attempt; without any step it is 0.

    Raises:
        BadInput: there is no such aggregation.
    """
    if how not in AGGREGATIONS:
        raise BadInput(f"there is no aggregation {how!r}; choose from {', '.join(AGGREGATIONS)}")
    return AGGREGATIONS[how](scores) if scores else 0.0
