"""Check that the loss of a bad token is bounded, and everything else as in PPO."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(
    dual_clipped_loss: Callable[[Tensor, Tensor, Tensor, Tensor, float, float], Tensor],
) -> None:
    """Compare one token at a time, with epsilon 0.2; the objective is minus the loss."""
    one = torch.ones(1, 1, dtype=torch.bool)
    cases = [  # ratio, advantage, bound, objective
        (1.0, 2.0, 3.0, 2.0),
        (2.0, 1.0, 3.0, 1.2),
        (9.0, 1.0, 3.0, 1.2),
        (0.5, 1.0, 3.0, 0.5),
        (0.5, -1.0, 3.0, -0.8),
        (2.0, -1.0, 3.0, -2.0),
        (9.0, -1.0, 3.0, -3.0),
        (9.0, -2.0, 3.0, -6.0),
        (9.0, -1.0, 5.0, -5.0),
    ]
    for ratio, advantage, bound, objective in cases:
        old = torch.full((1, 1), -4.0, dtype=torch.float64)
        amount = torch.full((1, 1), advantage, dtype=torch.float64)
        yours = float(dual_clipped_loss(old + math.log(ratio), old, amount, one, 0.2, bound))
        case = f"ratio {ratio}, advantage {advantage}, bound {bound}"
        right = math.isclose(yours, -objective, abs_tol=1e-6)
        assert right, f"{case}: the loss is {-objective}, not {yours:.4f}"

    # ratios 9 and 2 are an answer, and the rest is padding
    mask = torch.tensor([[True, True, False]])
    new = torch.tensor([[9.0, 2.0, 50.0]], dtype=torch.float64).log().requires_grad_()
    amounts = torch.tensor([[-1.0, -1.0, -1.0]], dtype=torch.float64)
    loss = dual_clipped_loss(new, torch.zeros_like(new), amounts, mask, 0.2, 3.0)
    right = math.isclose(loss.item(), (3 + 2) / 2, abs_tol=1e-6)
    assert right, f"padding must not count: the mean of 3 and 2 is 2.5, not {loss.item():.4f}"
    loss.backward()
    found = [] if new.grad is None else new.grad[0].tolist()
    right = torch.allclose(torch.tensor(found), torch.tensor([0.0, 1.0, 0.0]))
    assert right, f"at the bound and on padding the gradient is zero; found {found}"
