"""Check that the estimate averages to the forward KL and is never negative."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(forward_kl: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Compare with exact values; r is the reference's probability over the policy's."""
    p = torch.tensor([[1 / 2, 1 / 4, 1 / 4]], dtype=torch.float64)
    q = torch.tensor([[1 / 8, 1 / 4, 5 / 8]], dtype=torch.float64)
    every = torch.ones(1, 3, dtype=torch.bool)
    yours = forward_kl(p.log(), q.log(), every)
    exact = float((q * (q / p).log()).sum())
    mean = float((p * yours).sum())
    right = math.isclose(mean, exact, abs_tol=1e-9)
    assert right, f"the mean under the policy must be KL(q || p) = {exact:.4f}, not {mean:.4f}"
    assert (yours >= -1e-12).all(), f"no estimate may be negative, found {yours.tolist()}"
    same = forward_kl(p.log(), p.log(), every)
    assert (same.abs() < 1e-12).all(), f"where both models agree it is 0, not {same.tolist()}"

    ln2 = math.log(2)
    ratios = torch.tensor([[ln2, 0.0, -ln2]], dtype=torch.float64)  # r is 1/2, 1 and 2
    yours = forward_kl(ratios, 0 * ratios, every)
    expected = torch.tensor([[0.5 - ln2 / 2, 0.0, 2 * ln2 - 1]], dtype=torch.float64)
    right = torch.allclose(yours, expected, rtol=0, atol=1e-9)
    assert right, f"at r = 1/2, 1 and 2 it is {expected.tolist()}, not {yours.tolist()}"

    some = torch.tensor([[True, False, True]])
    yours = forward_kl(ratios + torch.tensor([0.0, 9.0, 0.0]), 0 * ratios, some)
    assert float(yours[0, 1]) == 0, f"padding counts 0, not {float(yours[0, 1])}"
