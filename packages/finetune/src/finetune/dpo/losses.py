r"""Direct preference optimisation and its variants, each a function of two margins.

A margin is log p(chosen) - log p(rejected), summed over the tokens of the answers; `ipo_loss` also
takes margins of means per token. h = beta (policy margin - reference margin) is the difference of
the implicit rewards (the `margin` of `PairMetrics`), and sigmoid(h) the policy's own probability
that the chosen answer is the better one. In the equations e is `smoothing`.
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
    r"""Negative log-likelihood of the human preference under the policy's implicit rewards.

    loss = -log sigmoid(beta (policy_margin - reference_margin))    (Rafailov et al. 2023, eq. 7)

    Its gradient is -beta sigmoid(-h) (grad log pi(chosen) - grad log pi(rejected)): pairs that are
    already ranked correctly contribute little. At the start both margins agree, so the loss is
    exactly ln 2.
    """
    return -F.logsigmoid(beta * (policy_margin - reference_margin)).mean()


def conservative_dpo_loss(
    policy_margin: Float[Tensor, " B"],
    reference_margin: Float[Tensor, " B"],
    beta: float = 0.1,
    smoothing: float = 0.1,
) -> Float[Tensor, ""]:
    r"""DPO with label smoothing, for a share e of wrong labels: limits the confidence to 1 - e.

    loss = -(1 - e) log sigmoid(h) - e log sigmoid(-h) = -log sigmoid(h) + e h

    (Mitchell 2023, A note on DPO with noisy preferences.) The minimum is at
    sigmoid(h) = 1 - e; the loss of DPO has none and falls forever as h grows.
    """
    if not 0 <= smoothing < 0.5:
        raise BadInput(f"smoothing must lie in [0, 0.5), got {smoothing}")
    h = beta * (policy_margin - reference_margin)
    return (-(1 - smoothing) * F.logsigmoid(h) - smoothing * F.logsigmoid(-h)).mean()


def robust_dpo_loss(
    policy_margin: Float[Tensor, " B"],
    reference_margin: Float[Tensor, " B"],
    beta: float = 0.1,
    smoothing: float = 0.1,
) -> Float[Tensor, ""]:
    r"""Unbiased DPO for a share e of wrong labels: its expectation is the loss of correct labels.

    loss = (-(1 - e) log sigmoid(h) + e log sigmoid(-h)) / (1 - 2 e)
         = -log sigmoid(h) - e h / (1 - 2 e)    (Chowdhury et al. 2024)

    The term in h has the opposite sign of the conservative loss's, so there is no minimum: for
    large h the loss falls by e / (1 - 2 e) per unit.
    """
    if not 0 <= smoothing < 0.5:
        raise BadInput(f"smoothing must lie in [0, 0.5), got {smoothing}")
    h = beta * (policy_margin - reference_margin)
    right, wrong = -F.logsigmoid(h), -F.logsigmoid(-h)
    return (((1 - smoothing) * right - smoothing * wrong) / (1 - 2 * smoothing)).mean()


def ipo_loss(
    policy_margin: Float[Tensor, " B"],
    reference_margin: Float[Tensor, " B"],
    beta: float = 0.1,
) -> Float[Tensor, ""]:
    r"""Squared error instead of the log-sigmoid: regress the margin's growth to 1 / (2 beta).

    loss = (policy_margin - reference_margin - 1 / (2 beta))^2    (Azar et al. 2023, eq. 17)

    The paper's tau is beta, and its margins are sums over the tokens. TRL's, with the authors'
    consent, are means per token, so that long answers need not change more. Either may be given.
    """
    return (policy_margin - reference_margin - 1 / (2 * beta)).square().mean()
