"""The two models that PPO trains, policy and critic, in one module with one forward pass."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from finetune.reward.scorer import Scorer
from gpt.model.loss import at_least_fp32
from gpt.policy.policy import Policy
from gpt.policy.statistics import entropy


class PolicyOutputs(NamedTuple):
    """Log-probability, entropy and value of every answer token; 0 elsewhere."""

    logprobs: Float[Tensor, "B U"]
    """log pi(token | tokens before it)."""
    entropy: Float[Tensor, "B U"]
    """Entropy of the distribution of the token, in nats."""
    values: Float[Tensor, "B U"]
    """Sum of the rewards from this token on, as predicted by the critic before it is sampled."""


class ActorCritic(nn.Module):
    """A policy and a critic, and the KL coefficient, which checkpoints keep with them."""

    beta: Tensor
    """KL coefficient; a buffer, because it may adapt during training."""

    def __init__(self, policy: Policy, critic: Scorer, kl_coef: float) -> None:
        super().__init__()
        self.policy, self.critic = policy, critic
        self.register_buffer("beta", torch.tensor(kl_coef, dtype=policy.head_weight.dtype))

    def forward(self, tokens: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> PolicyOutputs:
        """Compute all outputs; column t belongs to `tokens[:, t + 1]`, so U = T - 1."""
        kept = mask[:, 1:]
        hidden = self.policy.hidden(tokens[:, :-1])[kept]
        logits = self.policy.logits(hidden)
        log_p = at_least_fp32(logits).log_softmax(dim=-1)
        logprobs = log_p.gather(-1, tokens[:, 1:][kept][:, None])[:, 0]
        values = self.critic.values(tokens[:, :-1])
        blank = log_p.new_zeros(kept.shape)
        return PolicyOutputs(
            blank.masked_scatter(kept, logprobs),
            blank.masked_scatter(kept, entropy(log_p)),
            values.to(blank.dtype) * kept,
        )
