"""Check that every pair of a ranking counts once, and that all rows count equally."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(ranking_loss: Callable[[Tensor], Tensor]) -> None:
    """Compare with losses worked out by hand: ln 4/3 for margin ln 3, ln 4 for margin -ln 3."""
    ln3 = math.log(3)
    right_order, wrong_order, tie = math.log(4 / 3), math.log(4), math.log(2)
    twice = math.log(10 / 9)  # margin 2 ln 3: odds of nine to one
    cases = [
        ("two answers are a pair", [[ln3, 0]], right_order),
        ("a pair the wrong way round", [[0, ln3]], wrong_order),
        ("three answers with equal scores", [[5, 5, 5]], tie),
        ("three answers in order", [[2 * ln3, ln3, 0]], (2 * right_order + twice) / 3),
        ("the last one is too high", [[ln3, 0, ln3]], (right_order + tie + wrong_order) / 3),
        ("two rows", [[ln3, 0, 0], [0, 0, 0]], (2 * right_order + 4 * tie) / 6),
        ("rows are not compared with each other", [[9 + ln3, 9], [ln3, 0]], right_order),
    ]
    for name, scores, expected in cases:
        yours = float(ranking_loss(torch.tensor(scores, dtype=torch.float64)))
        right = math.isclose(yours, expected, abs_tol=1e-6)
        shown = [[round(score, 3) for score in row] for row in scores]
        assert right, f"{name}: {shown} is {expected:.4f}, not {yours:.4f}"
