r"""The loss of a language model: the negative log-likelihood of the tokens that came next."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def linear_cross_entropy(
    x: Float[Tensor, "B T D"],
    weight: Float[Tensor, "V D"],
    bias: Float[Tensor, " V"] | None,
    targets: Int[Tensor, "B T"],
) -> Float[Tensor, ""]:
    r"""Sum the cross-entropy of the targets under softmax(x W^T + b), in nats.

    loss = -sum of ln p[target]
    """
    logits = at_least_fp32(F.linear(x.flatten(0, 1), weight, bias))
    return F.cross_entropy(logits, targets.flatten(), reduction="sum")


def at_least_fp32(logits: Float[Tensor, "*N V"]) -> Float[Tensor, "*N V"]:
    """Convert half-precision logits to fp32, which logarithms of small probabilities need."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
