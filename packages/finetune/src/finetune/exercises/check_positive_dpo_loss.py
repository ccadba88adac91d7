"""Check that the loss penalises a chosen answer that becomes less likely, and nothing else."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(positive_dpo_loss: Callable[[Tensor, Tensor, float, float], Tensor]) -> None:
    """Compare with losses worked out by hand: with beta h = ln 3 the loss is ln 4/3."""
    ln2, ln3 = math.log(2), math.log(3)
    cases = [
        ("the start", [-1, -4], [-1, -4], 0.5, 5.0, ln2),
        ("the chosen answer rose: plain DPO", [ln3, 0], [0, 0], 1.0, 5.0, math.log(4 / 3)),
        ("the rejected one fell: no penalty", [0, -ln3], [0, 0], 1.0, 5.0, math.log(4 / 3)),
        ("both fell by 1, weight 2, beta 1: h = -2", [-1, -1], [0, 0], 1.0, 2.0, pair_loss(-2.0)),
        ("both fell, beta 0.5: h = 0.5 (3 - 2)", [-1, -4], [0, 0], 0.5, 2.0, pair_loss(0.5)),
        ("no weight: plain DPO", [-1, -4], [0, 0], 0.5, 0.0, pair_loss(1.5)),
        ("against the reference, not 0: h = 3 - 2", [-6, -14], [-5, -10], 1.0, 2.0, pair_loss(1.0)),
    ]
    for name, policy, reference, beta, weight, expected in cases:
        pair = torch.tensor(policy, dtype=torch.float64), torch.tensor(reference).double()
        yours = float(positive_dpo_loss(*pair, beta, weight))
        right = math.isclose(yours, expected, abs_tol=1e-6)
        assert right, f"{name}: {policy} against {reference} is {expected:.4f}, not {yours:.4f}"

    # two pairs: the first chosen answer lost 1 nat, the second gained 1
    policy = torch.tensor([-1.0, 1.0, -4.0, 0.0], dtype=torch.float64)
    yours = float(positive_dpo_loss(policy, torch.zeros(4).double(), 1.0, 2.0))
    expected = (pair_loss(3.0 - 2.0) + pair_loss(1.0)) / 2
    right = math.isclose(yours, expected, abs_tol=1e-6)
    assert right, f"two pairs: each has its own penalty; {expected:.4f}, not {yours:.4f}"


def pair_loss(h: float) -> float:
    """Compute the loss of one pair, -ln sigmoid(h)."""
    return math.log1p(math.exp(-h))
