"""Check that the KL is summed over an answer's tokens and the result averaged over answers."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(
    regularised_reward: Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor],
) -> None:
    """Compare with two answers, of three tokens and of one, worked out by hand."""
    scores = torch.tensor([4.0, 1.0], dtype=torch.float64)
    logprobs = torch.tensor([[-1.0, -1.0, -2.0], [-3.0, -9.0, -9.0]], dtype=torch.float64)
    reference = torch.tensor([[-2.0, -4.0, -1.0], [-2.0, -1.0, -7.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    # log-ratios: 1 + 3 - 1 = 3 nats and -1; the rest of the second row is padding
    cases = [(0.0, 2.5), (1.0, (4 - 3 + 1 + 1) / 2), (0.5, (4 - 1.5 + 1 + 0.5) / 2)]
    for beta, value in cases:
        yours = float(regularised_reward(scores, logprobs, reference, mask, beta))
        right = math.isclose(yours, value, abs_tol=1e-9)
        assert right, f"with beta {beta} it is {value}, not {yours:.4f}"

    logprobs[1, 1:] = -math.inf  # padding may hold any value
    yours = float(regularised_reward(scores, logprobs, reference, mask, 1.0))
    assert math.isclose(yours, 1.5, abs_tol=1e-9), f"padding must not count: 1.5, not {yours}"
