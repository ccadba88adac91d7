"""The two models that PPO trains, as one module, so that one pass and one checkpoint hold both."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from finetune.reward.scorer import Scorer
from finetune.sft.policy import Policy
from gpt.model.loss import at_least_fp32


class PolicyOutputs(NamedTuple):
    """What both say of every token that counts; 0 at the others."""

    logprobs: Float[Tensor, "B U"]
    """log pi of the token."""
    entropy: Float[Tensor, "B U"]
    """Of the distribution that the token was drawn from, in nats."""
    values: Float[Tensor, "B U"]
    """The reward that the critic expects from here on, before the token is drawn."""


class ActorCritic(nn.Module):
    """A policy, a value model, and the weight of the KL, which moves with them."""

    beta: Tensor

    def __init__(self, policy: Policy, critic: Scorer, beta: float) -> None:
        super().__init__()
        self.policy, self.critic = policy, critic
        self.register_buffer("beta", torch.tensor(beta, dtype=policy.head_weight.dtype))

    def forward(self, tokens: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> PolicyOutputs:
        """`logprobs[:, t]` scores `tokens[:, t + 1]`, with U = T - 1; so do the other two."""
        kept = mask[:, 1:]
        seen = self.policy.hidden(tokens[:, :-1])[kept]
        scores = self.policy.logits(seen)
        log_p = at_least_fp32(scores).log_softmax(dim=-1)
        logprobs = log_p.gather(-1, tokens[:, 1:][kept][:, None])[:, 0]
        values = self.critic.values(tokens[:, :-1])
        blank = log_p.new_zeros(kept.shape)
        return PolicyOutputs(
            blank.masked_scatter(kept, logprobs),
            blank.masked_scatter(kept, entropy(log_p)),
            values.to(blank.dtype) * kept,
        )


def entropy(log_p: Float[Tensor, "*N V"]) -> Float[Tensor, "*N"]:
    """-sum over v of p(v) log p(v), in nats, exact: ln V where all are alike."""
    return -(log_p.exp() * log_p).sum(dim=-1)
