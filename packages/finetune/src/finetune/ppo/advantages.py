"""How much better than expected each token of an answer was.

The value V_t is what the critic expects the rest of an answer to be paid, before token t is chosen.
Generalised advantage estimation (Schulman et al. 2016, "High-dimensional continuous control using
generalized advantage estimation", eq. 16) adds up the surprises from t on, each a little less:

    delta_t = r_t + gamma V_{t+1} - V_t
    A_t = sum over l >= 0 of (gamma lambda)^l delta_{t+l} = delta_t + gamma lambda A_{t+1}

An answer is one episode. It ends with its last token, so the value after that is 0, whatever the
critic says about the padding. lambda = 0 trusts the critic, lambda = 1 only what was paid.

Rows are answers and then padding, masks are True on the answer. Padding counts nowhere, neither
its numbers nor its places, and gets zeros.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput


class Advantages(NamedTuple):
    """What an answer teaches the policy and the critic."""

    advantages: Float[Tensor, "B U"]
    """Above 0 where a token did better than expected."""
    returns: Float[Tensor, "B U"]
    """What the critic should have said: advantages + values."""


def gae(
    rewards: Float[Tensor, "B U"],
    values: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    gamma: float = 1.0,
    lam: float = 0.95,
) -> Advantages:
    """A_t = delta_t + gamma lambda A_{t+1}, from the last token back.

    Raises:
        BadInput: gamma or lam lies outside [0, 1].
    """
    for name, share in (("gamma", gamma), ("lam", lam)):
        if not 0 <= share <= 1:
            raise BadInput(f"{name} must lie in [0, 1], got {share}")
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


def masked_mean(x: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]) -> Float[Tensor, ""]:
    """The mean over all answer tokens of the batch, so a long answer counts for more."""
    return x.masked_fill(~mask, 0.0).sum() / count_answer_tokens(mask, at_least=1)


def masked_variance(x: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]) -> Float[Tensor, ""]:
    """The variance over the answer tokens, unbiased: divided by their number less one."""
    squares = (x - masked_mean(x, mask)).masked_fill(~mask, 0.0) ** 2
    return squares.sum() / (count_answer_tokens(mask, at_least=2) - 1)


def whiten(
    x: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"], eps: float = 1e-8
) -> Float[Tensor, "B U"]:
    """Mean 0 and variance 1 over the answer tokens: some get likelier, the others less so."""
    centred = (x - masked_mean(x, mask)).masked_fill(~mask, 0.0)
    return centred / (masked_variance(x, mask) + eps).sqrt()


def whiten_keeping_mean(
    x: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"], eps: float = 1e-8
) -> Float[Tensor, "B U"]:
    """Variance 1 about the mean that it had: for rewards, where a shift pays by the token."""
    return (whiten(x, mask, eps) + masked_mean(x, mask)).masked_fill(~mask, 0.0)


def count_answer_tokens(mask: Bool[Tensor, "B U"], at_least: int) -> Int[Tensor, ""]:
    """How many answer tokens there are.

    Raises:
        BadInput: fewer than the statistic needs.
    """
    n = mask.sum()
    if n < at_least:
        raise BadInput(
            f"{at_least} answer tokens are needed, a mask of {tuple(mask.shape)} has {n}"
        )
    return n
