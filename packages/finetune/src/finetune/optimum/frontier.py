r"""The best policy at every distance from the reference: what DPO and PPO try to reach.

Both maximise the same thing: the mean reward, less beta times the KL from the reference. Among all
policies the maximum lies at

    pi*(y | x) = pi_ref(y | x) e^(r(x, y) / beta) / Z(x)    (Rafailov et al. 2023, eq. 4)

Where all answers can be listed, pi* is a table. As beta goes from infinity to zero, it walks from
the reference to the best answers alone, and its reward and KL draw the frontier: no policy with
that KL has more reward.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class FrontierPoint(NamedTuple):
    """A policy, as far as reward and distance go."""

    kl: float
    """Mean over the questions, in nats an answer."""
    reward: float
    """Mean over questions and answers."""


def best_policy(
    reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"], beta: float
) -> Float[Tensor, "N A"]:
    """Log pi*: the reference's logarithms, tilted by the reward and normalised."""
    return (reference + rewards / beta).log_softmax(dim=-1)


def exact_point(
    policy: Float[Tensor, "N A"], reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"]
) -> FrontierPoint:
    """KL = sum of p (log p - log q) and reward = sum of p r, each a mean over the questions."""
    p = policy.exp()
    kl = torch.where(p > 0, p * (policy - reference), 0.0).sum(-1).mean()
    return FrontierPoint(kl.item(), (p * rewards).sum(-1).mean().item())


def frontier_points(
    reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"], betas: list[float]
) -> list[FrontierPoint]:
    """The points of the best policies, one a beta."""
    return [
        exact_point(best_policy(reference, rewards, beta), reference, rewards) for beta in betas
    ]


def best_reward_at(
    kl: float, reference: Float[Tensor, "N A"], rewards: Float[Tensor, "N A"]
) -> float:
    """The most reward that any policy has at this KL, by bisection over beta."""
    low, high = 1e-3, 1e3
    for _ in range(60):
        beta = (low * high) ** 0.5
        [point] = frontier_points(reference, rewards, [beta])
        low, high = (beta, high) if point.kl > kl else (low, beta)
    [point] = frontier_points(reference, rewards, [high])
    return point.reward
