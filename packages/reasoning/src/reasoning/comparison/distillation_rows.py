"""Rows of the distillation loss: forward KL, reverse KL and mixtures, against trl's GKDTrainer.

trl has no factor tau^2, so its mean is multiplied by it before the comparison.
"""

import torch
from torch import Tensor

from gpt.comparison.rows import ComparisonRow, max_abs_difference
from reasoning.distillation.loss import distillation_loss

DISTILLATION_TOLERANCE = 1e-12
DIVERGENCES = {"forward KL": 0.0, "reverse KL": 1.0, "mixture 0.1": 0.1, "mixture 0.5": 0.5}
TEMPERATURES = (0.5, 1.0, 3.0)


def distillation_rows() -> list[ComparisonRow]:
    """Compare values and gradients in float64, on texts of different lengths."""
    from gpt.baselines import library_version

    mask = torch.arange(9) < torch.tensor([9, 1, 5, 7])[:, None]
    logits = 2 * torch.randn(2, 4, 9, 30, dtype=torch.float64)
    return [
        ComparisonRow(
            f"distillation, {name}: loss and gradient, {len(TEMPERATURES)} temperatures",
            library_version("trl"),
            max(divergence_difference(logits, mask, each, beta) for each in TEMPERATURES),
            DISTILLATION_TOLERANCE,
        )
        for name, beta in DIVERGENCES.items()
    ]


def divergence_difference(logits: Tensor, mask: Tensor, temperature: float, beta: float) -> float:
    """Return the largest difference of the mean loss, or of its gradient by the student."""
    from reasoning.baselines import generalised_jsd

    student, teacher = logits[0].clone().requires_grad_(), logits[1]
    found = distillation_loss(student, teacher, mask, temperature, beta)
    ours = found.total / found.terms
    theirs = temperature**2 * generalised_jsd(student, teacher, mask, temperature, beta)
    gradients = (torch.autograd.grad(each, student)[0] for each in (ours, theirs))
    return max(max_abs_difference(ours, theirs), max_abs_difference(*gradients))
