"""DPO with a penalty for less likely chosen answers (Pal et al. 2024, "Smaug", equation 3)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from finetune.dpo.margins import split_chosen_rejected


def positive_dpo_loss(
    policy: Float[Tensor, " N"], reference: Float[Tensor, " N"], beta: float, weight: float
) -> Float[Tensor, ""]:
    """-log sigmoid(beta (growth of the margin - weight max(0, -growth of the chosen answer)))."""
    chosen, rejected = split_chosen_rejected(policy - reference)
    lost = (-chosen).clamp(min=0)
    return -F.logsigmoid(beta * (chosen - rejected - weight * lost)).mean()
