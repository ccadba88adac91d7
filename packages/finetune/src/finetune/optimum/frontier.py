r"""The best policy at every KL from the reference, which DPO and PPO try to reach.

Both maximise the mean reward minus beta times the KL from the reference. Among all policies the
maximum is

    pi*(y | x) = pi_ref(y | x) e^(r(x, y) / beta) / Z(x)    (Rafailov et al. 2023, eq. 4)

If all answers can be enumerated, pi* is a table. As beta falls from infinity to zero, pi* moves
from the reference to the best answers only, and its KL and reward trace the frontier: no policy
with the same KL has a higher reward.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class FrontierPoint(NamedTuple):
    """KL and reward of a policy."""

    kl: float
    """KL from the reference in nats per answer, averaged over the questions."""
    reward: float
    """Expected reward, averaged over the questions."""


def best_policy(
    reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"], beta: float
) -> Float[Tensor, "N A"]:
    """Compute log pi*: reference log-probabilities plus reward / beta, normalised."""
    return (reference + rewards / beta).log_softmax(dim=-1)


def exact_point(
    policy: Float[Tensor, "N A"], reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"]
) -> FrontierPoint:
    """KL = sum of p (log p - log q) and reward = sum of p r, both averaged over the questions."""
    p = policy.exp()
    kl = torch.where(p > 0, p * (policy - reference), 0.0).sum(-1).mean()
    return FrontierPoint(kl.item(), (p * rewards).sum(-1).mean().item())


def frontier_points(
    reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"], betas: list[float]
) -> list[FrontierPoint]:
    """Compute the points of the best policies, one per beta."""
    return [
        exact_point(best_policy(reference, rewards, beta), reference, rewards) for beta in betas
    ]


def best_reward_at(
    kl: float, reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"]
) -> float:
    """Find the highest reward that any policy has at this KL, by bisection over beta."""
    low, high = 1e-3, 1e3
    for _ in range(60):
        beta = (low * high) ** 0.5
        [point] = frontier_points(reference, rewards, [beta])
        low, high = (beta, high) if point.kl > kl else (low, beta)
    [point] = frontier_points(reference, rewards, [high])
    return point.reward
