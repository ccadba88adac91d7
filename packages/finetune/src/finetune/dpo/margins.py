"""What the log-probabilities of two answers say: their margin, their rewards, which one leads.

A batch of B pairs is one block of N = 2B rows, the chosen answers above the rejected ones, so that
one pass through the model scores them all.
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
    r"""The sum over the tokens of the answer, never over those of the prompt.

    log pi(y | x) = sum over t of log pi(y_t | x, y_<t)

    U = T - 1: `logprobs[:, t]` and `mask[:, t]` belong to token t + 1 of the row.
    """
    return (logprobs * mask).sum(dim=-1)


Reduction = Callable[[Float[Tensor, " N"], Int[Tensor, " N"]], Float[Tensor, " N"]]
"""What an answer counts as, given the sum over its tokens and their number."""


def sum_logprob(logprob: Float[Tensor, " N"], n_tokens: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """The sum over its tokens, which falls with every token."""
    return logprob


def mean_logprob(logprob: Float[Tensor, " N"], n_tokens: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """The mean over its tokens, log pi(y | x) / |y|."""
    return logprob / n_tokens


class ChosenRejected(NamedTuple):
    """Numbers of the chosen answers, and of the rejected ones of the same pairs."""

    chosen: Float[Tensor, " B"]
    rejected: Float[Tensor, " B"]


def split_chosen_rejected(values: Float[Tensor, " N"]) -> ChosenRejected:
    """The chosen rows stand above the rejected ones.

    Raises:
        BadInput: the rows do not come in pairs.
    """
    if len(values) % 2:
        raise BadInput(f"{len(values)} rows are no pairs: chosen answers, then as many rejected")
    return ChosenRejected(*values.chunk(2))


def margin(values: Float[Tensor, " N"]) -> Float[Tensor, " B"]:
    """By how much the chosen answer of each pair leads."""
    chosen, rejected = split_chosen_rejected(values)
    return chosen - rejected


def implicit_reward(
    policy: Float[Tensor, " N"], reference: Float[Tensor, " N"], beta: float
) -> Float[Tensor, " N"]:
    r"""The reward under which the policy would be the best one near its reference.

    r(x, y) = beta (log pi(y | x) - log pi_ref(y | x))    (Rafailov et al. 2023, eq. 5)

    A term that depends on the prompt alone is left out: it cancels between two answers.
    """
    return beta * (policy - reference)


class PairMetrics(NamedTuple):
    """What pairs show while the policy learns from them; means over the pairs."""

    n_pairs: int
    chosen_reward: float
    """Implicit reward of the chosen answer; 0 at the start."""
    rejected_reward: float
    """The same of the rejected answer."""
    margin: float
    """The first less the second. It is all that the loss asks for."""
    accuracy: float
    """Share of the pairs in which the chosen answer has the higher reward; a tie counts half."""
    chosen_logprob: float
    """log pi(y | x) of the chosen answer. It may fall: a rejected answer that shares words with it
    takes it down, and the margin grows all the same as long as that one falls faster."""
    rejected_logprob: float
    """The same of the rejected answer."""


def pair_metrics(logprob: Float[Tensor, " N"], reward: Float[Tensor, " N"]) -> PairMetrics:
    """The means that are worth watching."""
    lead = margin(reward.detach())
    accuracy = ((lead > 0).float() + (lead == 0).float() / 2).mean()
    rewards, logprobs = (
        split_chosen_rejected(reward.detach()),
        split_chosen_rejected(logprob.detach()),
    )
    means = [each.mean() for each in (*rewards, lead, accuracy, *logprobs)]
    return PairMetrics(len(lead), *torch.stack(means).tolist())


def mean_pair_metrics(parts: Sequence[PairMetrics]) -> PairMetrics:
    """One report of several micro-batches, each with the weight of its pairs.

    Raises:
        BadInput: there are none.
    """
    n_pairs = sum(part.n_pairs for part in parts)
    if not n_pairs:
        raise BadInput("no pair was seen since the last report")
    sums = (sum(part.n_pairs * part[i] for part in parts) for i in range(1, len(parts[0])))
    return PairMetrics(n_pairs, *(total / n_pairs for total in sums))
