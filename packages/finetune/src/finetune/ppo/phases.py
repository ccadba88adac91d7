"""One phase of PPO: the policy answers, the answers are judged, and that becomes the lesson.

Everything is computed once, with the weights that wrote the answers, and then stays as it is while
the policy moves: it is what the updates of the phase are measured against.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from finetune.conversations.rows import Rows
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.advantages import gae, masked_mean, whiten
from finetune.ppo.kl import k1
from finetune.ppo.rewards import penalise_missing_stop, token_rewards
from finetune.ppo.rollouts import Rollout
from finetune.sft.policy import Policy

RewardFunction = Callable[[Rollout], Float[Tensor, " B"]]
"""What the answers are worth: a reward model, or a rule."""
ReferenceLogprobs = Callable[[Rows], Float[Tensor, "B U"]]
"""log pi_ref of every token that counts, by position as a `Policy` gives it."""


class RolloutBatch(NamedTuple):
    """Rollouts with what PPO needs to know of them; answers begin in column 0, padding follows."""

    rows: Rows
    mask: Bool[Tensor, "B A"]
    old_logprobs: Float[Tensor, "B A"]
    old_values: Float[Tensor, "B A"]
    advantages: Float[Tensor, "B A"]
    returns: Float[Tensor, "B A"]

    def pick(self, numbers: list[int]) -> "RolloutBatch":
        """Some of the rows."""
        rows = Rows(*(each[numbers] for each in self.rows))
        return RolloutBatch(rows, *(each[numbers] for each in self[1:]))


class PhaseMetrics(NamedTuple):
    """What a phase found, over all its answers."""

    score: float
    """Mean of what was scored, before any penalty."""
    kl: float
    """Mean of k1 summed over an answer, in nats."""
    entropy: float
    """Mean over tokens, in nats."""
    stopped: float
    """Share of answers that ended by themselves."""
    length: float
    """Mean tokens of an answer."""
    explained: float
    """1 - mean (R - V)^2 / variance of R: 1 where the critic foresaw all returns, 0 where it is no
    better than their mean, or where all are alike; below 0 where it is worse."""


def make_reference(policy: Policy) -> ReferenceLogprobs:
    """The log-probabilities of a policy that does not learn, and drops nothing out."""
    policy.eval()

    @torch.no_grad()
    def logprobs(rows: Rows) -> Float[Tensor, "B U"]:
        return policy(rows.tokens, rows.mask)

    return logprobs


def align_answers(x: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]) -> Float[Tensor, "B A"]:
    """The numbers of each row's answer moved to column 0; 0 on padding."""
    order = mask.int().argsort(dim=1, descending=True, stable=True)
    longest = int(mask.sum(dim=1).max())
    return x.masked_fill(~mask, 0.0).gather(1, order)[:, :longest]


def aligned_answer_mask(mask: Bool[Tensor, "B U"]) -> Bool[Tensor, "B A"]:
    """The mask that goes with `align_answers`."""
    lengths = mask.sum(dim=1)
    return torch.arange(int(lengths.max()), device=mask.device) < lengths[:, None]


@torch.no_grad()
def score_rollout(
    models: ActorCritic,
    reference: ReferenceLogprobs,
    score: RewardFunction,
    rollout: Rollout,
    missing_stop: float = 1.0,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> tuple[RolloutBatch, PhaseMetrics]:
    """Judge a rollout: rewards, advantages (whitened) and returns of every token."""
    rows, kept = rollout.rows, rollout.rows.mask[:, 1:]
    mask = aligned_answer_mask(kept)
    outlook = models(rows.tokens, rows.mask)
    logprobs, entropy, values, before = (
        align_answers(each, kept) for each in (*outlook, reference(rows))
    )
    kl, scores = k1(logprobs, before, mask), score(rollout)
    paid = penalise_missing_stop(scores, rollout.stopped, missing_stop)
    rewards = token_rewards(kl, paid.to(kl), mask, models.beta.item())
    advantages, returns = gae(rewards, values, mask, gamma, lam)
    unforeseen, spread = masked_mean(advantages**2, mask), returns[mask].var(unbiased=False)
    outcome = PhaseMetrics(
        score=scores.mean().item(),
        kl=kl.sum(dim=1).mean().item(),
        entropy=masked_mean(entropy, mask).item(),
        stopped=rollout.stopped.float().mean().item(),
        length=mask.sum(dim=1).float().mean().item(),
        explained=(1 - unforeseen / spread).item() if spread > 0 else 0.0,
    )
    made = RolloutBatch(rows, mask, logprobs, values, whiten(advantages, mask), returns)
    return made, outcome
