"""Margins and rewards of answer pairs, from the log-probabilities of their answers.

A batch of B pairs is one block of N = 2B rows, the chosen answers above the rejected ones, so that
one pass through the model scores all of them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput


def answer_logprob(
    logprobs: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, " B"]:
    r"""Sum the log-probabilities of the answer's tokens, without those of the prompt.

    log pi(y | x) = sum over t of log pi(y_t | x, y_<t)

    U = T - 1: `logprobs[:, t]` and `mask[:, t]` belong to token t + 1 of the row.
    """
    return (logprobs * mask).sum(dim=-1)


Reduction = Callable[[Float[Tensor, " N"], Int[Tensor, " N"]], Float[Tensor, " N"]]
"""Maps log pi(y | x), a sum over the tokens, and their number to what a margin compares."""


def sum_logprob(logprob: Float[Tensor, " N"], n_tokens: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Return the sum over the tokens, log pi(y | x), unchanged."""
    return logprob


def mean_logprob(logprob: Float[Tensor, " N"], n_tokens: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Return the mean over the tokens, log pi(y | x) / |y|."""
    return logprob / n_tokens


def split_chosen_rejected(
    values: Float[Tensor, " N"],
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Split the values of N rows into those of the chosen and of the rejected answers.

    Raises:
        BadInput: the rows do not come in pairs.
    """
    if len(values) % 2:
        raise BadInput(
            f"{len(values)} rows cannot be pairs: chosen answers, then as many rejected ones"
        )
    chosen, rejected = values.chunk(2)
    return chosen, rejected


def margin(values: Float[Tensor, " N"]) -> Float[Tensor, " B"]:
    """Return value of the chosen minus value of the rejected answer, per pair."""
    chosen, rejected = split_chosen_rejected(values)
    return chosen - rejected


def implicit_reward(
    policy: Float[Tensor, " N"], reference: Float[Tensor, " N"], beta: float
) -> Float[Tensor, " N"]:
    r"""Implicit reward: the reward for which the policy is optimal, given its reference.

    r(x, y) = beta (log pi(y | x) - log pi_ref(y | x))    (Rafailov et al. 2023, eq. 5)

    A term that depends only on the prompt is left out: it cancels between two answers.
    """
    return beta * (policy - reference)


class PairMetrics(NamedTuple):
    """Metrics of preference training; means over the pairs."""

    n_pairs: int
    chosen_reward: float
    """Implicit reward of the chosen answer; 0 at the start."""
    rejected_reward: float
    """Implicit reward of the rejected answer."""
    margin: float
    """Chosen minus rejected reward, which is all that the loss depends on."""
    accuracy: float
    """Share of the pairs in which the chosen answer has the higher reward; a tie counts half."""
    chosen_logprob: float
    """log pi(y | x) of the chosen answer. It may fall together with that of a rejected answer that
    shares words with it; the margin grows as long as the rejected one falls faster."""
    rejected_logprob: float
    """log pi(y | x) of the rejected answer."""


def pair_metrics(logprob: Float[Tensor, " N"], reward: Float[Tensor, " N"]) -> PairMetrics:
    """Compute the metrics of a micro-batch from the rows' log-probabilities and rewards."""
    lead = margin(reward.detach())
    accuracy = ((lead > 0).float() + (lead == 0).float() / 2).mean()
    rewards, logprobs = (
        split_chosen_rejected(reward.detach()),
        split_chosen_rejected(logprob.detach()),
    )
    means = [each.mean() for each in (*rewards, lead, accuracy, *logprobs)]
    return PairMetrics(len(lead), *torch.stack(means).tolist())


def mean_pair_metrics(parts: Sequence[PairMetrics]) -> PairMetrics:
    """Average the metrics of several micro-batches, weighted by their pairs.

    Raises:
        BadInput: there are no pairs.
    """
    n_pairs = sum(part.n_pairs for part in parts)
    if not n_pairs:
        raise BadInput("there are no pairs to average over")
    sums = (sum(part.n_pairs * part[i] for part in parts) for i in range(1, len(parts[0])))
    return PairMetrics(n_pairs, *(total / n_pairs for total in sums))
