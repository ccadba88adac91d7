r"""Word-level distillation: the divergence of a student's probabilities from a teacher's.

A sampled word shows which token the teacher took; the teacher's probabilities also show which
others it might have taken (Hinton et al. 2015). All divergences are computed per token, over the
whole vocabulary, at temperature tau. With p the teacher's and q the student's probabilities:

    forward KL, beta = 0     sum_v p (ln p - ln q)
    reverse KL, beta = 1     sum_v q (ln q - ln p)
    in between               beta KL(p || m) + (1 - beta) KL(q || m),  m = beta p + (1 - beta) q

The last is the generalised Jensen-Shannon divergence (Agarwal et al. 2024, section 2). Forward KL
spreads the student over everything that the teacher might say; reverse KL lets the student pick
some of it.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput
from gpt.training.accumulation import LossSum


def distillation_loss(
    student_logits: Float[Tensor, "B T V"],
    teacher_logits: Float[Tensor, "B T V"],
    mask: Bool[Tensor, "B T"],
    temperature: float = 1.0,
    beta: float = 0.0,
) -> LossSum:
    r"""Sum the divergence over the tokens of the mask (nats), and count these tokens.

    total = tau^2 * sum over the tokens of D(p_tau, q_tau),  p_tau = softmax(logits / tau)

    The factor tau^2 keeps the size of the gradient, which otherwise falls with 1 / tau^2 (Hinton et
    al. 2015, section 2). `mask[:, t]` belongs to `logits[:, t]`, so to the token at t + 1.

    Raises:
        BadInput: the temperature is not positive, or beta lies outside of [0, 1].
    """
    if not 0 < temperature < math.inf:
        raise BadInput(f"temperature must be a positive number, got {temperature}")
    if not 0 <= beta <= 1:
        raise BadInput(f"beta must lie in [0, 1], got {beta}")
    student = F.log_softmax(student_logits[mask] / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits[mask] / temperature, dim=-1)
    if beta == 0:
        divergence = kl_divergence(teacher, student)
    elif beta == 1:
        divergence = kl_divergence(student, teacher)
    else:
        mixture = torch.logaddexp(teacher + math.log(beta), student + math.log(1 - beta))
        divergence = beta * kl_divergence(teacher, mixture)
        divergence = divergence + (1 - beta) * kl_divergence(student, mixture)
    return LossSum(temperature**2 * divergence.sum(), int(mask.sum()))


def kl_divergence(p: Float[Tensor, "B V"], q: Float[Tensor, "B V"]) -> Float[Tensor, " B"]:
    """Return KL(p || q) = sum_v p (ln p - ln q) of each row; both are given as ln p and ln q."""
    return (p.exp() * (p - q)).sum(dim=-1)
