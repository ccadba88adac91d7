"""The parts of PPO as torchrl implements them; needs the extra `baselines`."""

from importlib.metadata import version as installed
from typing import NamedTuple

try:
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torchrl.modules import ProbabilisticActor
    from torchrl.objectives import ClipPPOLoss
    from torchrl.objectives.value.functional import generalized_advantage_estimate
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/finetune[baselines]'"
    ) from error

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from finetune.ppo.advantages import Advantages
from finetune.ppo.rewards import last_tokens


def installed_version(library: str) -> str:
    """Name and version of an installed library."""
    return f"{library} {installed(library)}"


def torchrl_gae(
    rewards: Float[Tensor, "B U"],
    values: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    gamma: float,
    lam: float,
) -> Advantages:
    """GAE of torchrl, which has no padding mask: an episode is marked as done at its last token."""
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    columns = (each[..., None] for each in (values, following, rewards, last_tokens(mask)))
    advantages, returns = generalized_advantage_estimate(gamma, lam, *columns)
    return Advantages(advantages[..., 0], returns[..., 0])


class TokenBatch(NamedTuple):
    """Inputs of the losses for N answer tokens, without padding."""

    logits: Float[Tensor, "N V"]
    tokens: Int[Tensor, " N"]
    old_logprobs: Float[Tensor, " N"]
    advantages: Float[Tensor, " N"]
    values: Float[Tensor, " N"]
    old_values: Float[Tensor, " N"]
    returns: Float[Tensor, " N"]


def torchrl_losses(batch: TokenBatch, epsilon: float) -> TensorDict:
    """`loss_objective`, `loss_critic` (0.5 of the mean, as ours), `entropy` and statistics.

    Actor and critic hand over what they are given: the losses are compared, not models. torchrl
    keeps epsilon in float32, so in float64 only an epsilon like 0.25 is the same on both sides.
    """
    actor = ProbabilisticActor(
        TensorDictModule(nn.Identity(), in_keys=["given_logits"], out_keys=["logits"]),
        in_keys=["logits"],
        distribution_class=torch.distributions.Categorical,
        return_log_prob=True,
    )
    critic = TensorDictModule(nn.Identity(), in_keys=["given_value"], out_keys=["state_value"])
    loss = ClipPPOLoss(
        actor,
        critic,
        clip_epsilon=epsilon,
        clip_value=epsilon,
        entropy_bonus=True,
        entropy_coeff=0.0,
        critic_coeff=0.5,
        loss_critic_type="l2",
        normalize_advantage=False,
    )
    given = {
        "given_logits": batch.logits,
        "action": batch.tokens,
        "action_log_prob": batch.old_logprobs,
        "advantage": batch.advantages[:, None],
        "given_value": batch.values[:, None],
        "state_value": batch.old_values[:, None],
        "value_target": batch.returns[:, None],
    }
    loss = loss.to(batch.logits.dtype)
    return loss(TensorDict(given, batch_size=batch.tokens.shape))
