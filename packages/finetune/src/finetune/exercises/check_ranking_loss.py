"""Does every pair of a ranking count once, and each row as much as another?"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(ranking_loss: Callable[[Tensor], Tensor]) -> None:
    """Scores to compute in the head: a lead of ln 3 is lost with ln 4/3, a lag of it with ln 4."""
    ln3 = math.log(3)
    won, lost, tie = math.log(4 / 3), math.log(4), math.log(2)
    twice = math.log(10 / 9)  # a lead of 2 ln 3: nine to one
    cases = [
        ("two answers are a pair", [[ln3, 0]], won),
        ("a pair the wrong way round", [[0, ln3]], lost),
        ("three answers that all score alike", [[5, 5, 5]], tie),
        ("three answers in order", [[2 * ln3, ln3, 0]], (2 * won + twice) / 3),
        ("the last one is too high", [[ln3, 0, ln3]], (won + tie + lost) / 3),
        ("two rows", [[ln3, 0, 0], [0, 0, 0]], (2 * won + 4 * tie) / 6),
        ("rows are not compared with each other", [[9 + ln3, 9], [ln3, 0]], won),
    ]
    for name, scores, expected in cases:
        yours = float(ranking_loss(torch.tensor(scores, dtype=torch.float64)))
        right = math.isclose(yours, expected, abs_tol=1e-6)
        shown = [[round(score, 3) for score in row] for row in scores]
        assert right, f"{name}: {shown} is {expected:.4f}, not {yours:.4f}"
