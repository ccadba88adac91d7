"""Preference losses as the training loop takes them: a model and a micro-batch in, a sum out.

One model is trained and one is held: the reference is asked once, before the first step, since it
never changes. The policy is scored as it will be used, without dropout: that would thin the policy
and not its reference, so their margins would differ by noise before anything was learned, and the
first loss would not be ln 2.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from finetune.conversations.rows import Rows
from finetune.dpo.losses import dpo_loss
from finetune.dpo.margins import (
    PairMetrics,
    Reduction,
    answer_logprob,
    implicit_reward,
    margin,
    mean_logprob,
    mean_pair_metrics,
    pair_metrics,
    split_chosen_rejected,
    sum_logprob,
)
from finetune.dpo.pairs import PairBatch
from gpt.errors import BadInput
from gpt.training.accumulation import LossSum


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """The model as in use, gradients and all; afterwards every layer is in the mode it had.

    In our models dropout is all that asks for the mode. Blocks that run again in the backward pass
    do so in the mode of their first run, see `finetune.memory.checkpointing`.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


class SequenceLogprobs(NamedTuple):
    """What one pass found of N answers."""

    logprob: Float[Tensor, " N"]
    """log pi(y | x), summed."""
    n_tokens: Int[Tensor, " N"]


def sequence_logprobs(model: Any, rows: Rows) -> SequenceLogprobs:
    """One pass through the policy, which gives log-probabilities, see `finetune.sft.policy`."""
    with without_dropout(model):
        logprobs = model(rows.tokens, rows.mask)
    kept = rows.mask[:, 1:]
    return SequenceLogprobs(answer_logprob(logprobs, kept), kept.sum(dim=-1))


@torch.no_grad()
def reference_logprobs(
    model: nn.Module,
    batches: Iterable[Rows],
    aside: Callable[[nn.Module], AbstractContextManager[Any]] = nullcontext,
) -> Float[Tensor, "P 2"]:
    """The sums log pi_ref of every pair: of the chosen answer in column 0, of the rejected in 1.

    Args:
        model: the policy before its first step. Under autocast, ask in the format of the training.
        batches: pairs, `stacked`.
        aside: puts aside what the policy has learned. A policy that trains adapters is its own
            reference at any time: `finetune.lora.merge.disable_adapters` switches them off.
    """
    with aside(model):
        sums = [sequence_logprobs(model, rows).logprob for rows in batches]
    return torch.cat([rearrange(each, "(side B) -> B side", side=2) for each in sums])


class LossAndReward(NamedTuple):
    """What N answers of B pairs are worth."""

    loss: Float[Tensor, ""]
    """The mean over the pairs."""
    reward: Float[Tensor, " N"]


PairObjective = Callable[
    [Float[Tensor, " N"], Float[Tensor, " N"], Int[Tensor, " N"]],
    LossAndReward,
]
"""Takes log pi and log pi_ref of the answers, and their lengths."""


class PairLoss:
    """A loss of pairs for the training loop, which also keeps what is worth watching."""

    def __init__(self, judge: PairObjective) -> None:
        self.judge = judge
        self.seen: list[PairMetrics] = []

    def __call__(self, model: Any, piece: PairBatch) -> LossSum:
        """The loss summed over the pairs of a micro-batch, after one pass through the model."""
        policy, n_tokens = sequence_logprobs(model, piece.rows)
        loss, reward = self.judge(policy, piece.reference, n_tokens)
        self.seen.append(pair_metrics(policy, reward))
        n_pairs = len(policy) // 2
        return LossSum(n_pairs * loss, n_pairs)

    def report(self) -> PairMetrics:
        """Over the pairs that this process has seen since the last report."""
        seen, self.seen = self.seen, []
        return mean_pair_metrics(seen)


def preference_loss(
    loss: Callable[..., Float[Tensor, ""]] = dpo_loss,
    beta: float = 0.1,
    measure: Reduction = sum_logprob,
) -> PairLoss:
    """DPO and the other losses of two margins.

    `preference_loss(ipo_loss, measure=per_token)` is IPO as in TRL; wrong labels are allowed for by
    `preference_loss(partial(conservative_dpo_loss, smoothing=0.1))`.

    Raises:
        BadInput: beta is not a positive number.
    """
    if not 0 < beta < float("inf"):
        raise BadInput(f"beta must be a positive number, got {beta}")

    def judge(policy: Tensor, reference: Tensor, n_tokens: Tensor) -> LossAndReward:
        margins = (margin(measure(each, n_tokens)) for each in (policy, reference))
        return LossAndReward(loss(*margins, beta), implicit_reward(policy, reference, beta))

    return PairLoss(judge)


def reference_free_loss(loss: Callable[..., Float[Tensor, ""]]) -> PairLoss:
    """SimPO and ORPO; the reward that is reported is the mean log-probability itself."""

    def judge(policy: Tensor, reference: Tensor, n_tokens: Tensor) -> LossAndReward:
        means = mean_logprob(policy, n_tokens)
        return LossAndReward(loss(*split_chosen_rejected(means)), means)

    return PairLoss(judge)


class PairEvaluation(NamedTuple):
    """What pairs say that were not trained on."""

    loss: float
    report: PairMetrics


@torch.no_grad()
def evaluate_pairs(model: Any, pieces: Iterable[PairBatch], loss: PairLoss) -> PairEvaluation:
    """Mean loss and report; takes a loss object of its own, not the one that is training."""
    sums = [loss(model, piece) for piece in pieces]
    report = loss.report()
    return PairEvaluation(sum(part.total.item() for part in sums) / report.n_pairs, report)
