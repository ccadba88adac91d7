"""Advantages: how much better each token of an answer was than the critic expected.

The value V_t is the critic's prediction of the rewards from token t on, made before t is sampled.
Generalised advantage estimation (Schulman et al. 2016, "High-dimensional continuous control using
generalized advantage estimation", eq. 16) is a discounted sum of the prediction errors from t on:

    delta_t = r_t + gamma V_{t+1} - V_t
    A_t = sum over l >= 0 of (gamma lambda)^l delta_{t+l} = delta_t + gamma lambda A_{t+1}

An answer is one episode. It ends with its last token, so the value after that is 0, whatever the
critic predicts on padding. lambda = 0 relies on the critic, lambda = 1 on the rewards only.

Rows are B answers, padded to U tokens, and masks are True on the answer. Padding is ignored and
gets zeros.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput
from gpt.policy.statistics import masked_mean


class Advantages(NamedTuple):
    """Learning signals of policy and critic, per token."""

    advantages: Float[Tensor, "B U"]
    """Positive where a token did better than expected."""
    returns: Float[Tensor, "B U"]
    """Targets of the critic: advantages + values."""


def gae(
    rewards: Float[Tensor, "B U"],
    values: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    gamma: float = 1.0,
    lam: float = 0.95,
) -> Advantages:
    """A_t = delta_t + gamma lambda A_{t+1}, computed from the last token backwards.

    Raises:
        BadInput: gamma or lam lies outside [0, 1].
    """
    for name, value in (("gamma", gamma), ("lam", lam)):
        if not 0 <= value <= 1:
            raise BadInput(f"{name} must lie in [0, 1], got {value}")
    deltas = td_errors(rewards, values, mask, gamma)
    running, backwards = torch.zeros_like(deltas[:, 0]), []
    for delta in reversed(deltas.unbind(1)):
        running = delta + gamma * lam * running
        backwards.append(running)
    advantages = torch.stack(backwards[::-1], dim=1)
    return Advantages(advantages, advantages + values.masked_fill(~mask, 0.0))


def td_errors(
    rewards: Float[Tensor, "B U"],
    values: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    gamma: float = 1.0,
) -> Float[Tensor, "B U"]:
    """delta_t = r_t + gamma V_{t+1} - V_t, with V = 0 after the last token of an answer."""
    rewards, values = (each.masked_fill(~mask, 0.0) for each in (rewards, values))
    following = torch.nn.functional.pad(values[:, 1:], (0, 1))
    return rewards + gamma * following - values


def explained_variance(
    advantages: Float[Tensor, "B U"], returns: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> float:
    """1 - mean (R - V)^2 / variance of R, from the advantages R - V; 0 if all returns are equal."""
    residual, variance = masked_mean(advantages**2, mask), returns[mask].var(unbiased=False)
    return (1 - residual / variance).item() if variance > 0 else 0.0
