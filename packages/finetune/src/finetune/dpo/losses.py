r"""Direct preference optimisation and the losses beside it, each a function of two margins.

A margin is log p(chosen) - log p(rejected). For all but IPO it is made of sums over the tokens of
the answers. h = beta (policy margin - reference margin) is the difference of the implicit rewards,
and sigmoid(h) the policy's own probability that the chosen answer is the better one.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput


def dpo_loss(
    policy_margin: Float[Tensor, " B"],
    reference_margin: Float[Tensor, " B"],
    beta: float = 0.1,
) -> Float[Tensor, ""]:
    r"""How surprised the policy still is by the human preference.

    loss = -log sigmoid(beta (policy_margin - reference_margin))    (Rafailov et al. 2023, eq. 7)

    Its gradient is -beta sigmoid(-h) (grad log pi(chosen) - grad log pi(rejected)): a pair that is
    already told apart teaches little. At the start both margins agree: the loss is exactly ln 2.
    """
    return -F.logsigmoid(beta * (policy_margin - reference_margin)).mean()


def conservative_dpo_loss(
    policy_margin: Float[Tensor, " B"],
    reference_margin: Float[Tensor, " B"],
    beta: float = 0.1,
    smoothing: float = 0.1,
) -> Float[Tensor, ""]:
    r"""DPO for labels of which a share e is wrong: it wants to be as sure as that, and no surer.

    loss = -(1 - e) log sigmoid(h) - e log sigmoid(-h) = -log sigmoid(h) + e h

    (Mitchell 2023, A note on DPO with noisy preferences.) It is lowest at sigmoid(h) = 1 - e
    and rises beyond, where DPO would go on for ever.
    """
    check_smoothing(smoothing)
    h = beta * (policy_margin - reference_margin)
    return (-(1 - smoothing) * F.logsigmoid(h) - smoothing * F.logsigmoid(-h)).mean()


def robust_dpo_loss(
    policy_margin: Float[Tensor, " B"],
    reference_margin: Float[Tensor, " B"],
    beta: float = 0.1,
    smoothing: float = 0.1,
) -> Float[Tensor, ""]:
    r"""DPO whose mean over wrong and right labels is the loss that right ones would have given.

    loss = (-(1 - e) log sigmoid(h) + e log sigmoid(-h)) / (1 - 2 e)
         = -log sigmoid(h) - e h / (1 - 2 e)    (Chowdhury et al. 2024)

    Beside the conservative loss the sign of e is turned round, and so is what it does: it has no
    lowest point, and keeps falling as h grows, by e / (1 - 2 e) for each unit.
    """
    check_smoothing(smoothing)
    h = beta * (policy_margin - reference_margin)
    right, wrong = -F.logsigmoid(h), -F.logsigmoid(-h)
    return (((1 - smoothing) * right - smoothing * wrong) / (1 - 2 * smoothing)).mean()


def ipo_loss(
    policy_margin: Float[Tensor, " B"],
    reference_margin: Float[Tensor, " B"],
    beta: float = 0.1,
) -> Float[Tensor, ""]:
    r"""A square in place of the sigmoid: the margin shall grow by 1 / (2 beta), and stop there.

    loss = (policy_margin - reference_margin - 1 / (2 beta))^2    (Azar et al. 2023, eq. 17; tau)

    The paper writes sums over the tokens. TRL, with the authors' consent, takes margins of means
    per token, so that long answers need not move further; this function takes either.
    """
    return (policy_margin - reference_margin - 1 / (2 * beta)).square().mean()


def check_smoothing(smoothing: float) -> None:
    """Refuse a share of wrong labels at which the labels say nothing, or the opposite."""
    if not 0 <= smoothing < 0.5:
        raise BadInput(f"smoothing must lie in [0, 0.5), got {smoothing}")
