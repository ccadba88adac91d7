"""A ranking of K answers contains K (K - 1) / 2 pairs."""

import torch
from jaxtyping import Float
from torch import Tensor

from finetune.reward.loss import bradley_terry_loss


def ranking_loss(scores: Float[Tensor, "B K"]) -> Float[Tensor, ""]:
    """Average -log sigmoid(r_i - r_j) over all i ranked above j (Ouyang et al. 2022, eq. 1)."""
    above, below = torch.triu_indices(scores.shape[1], scores.shape[1], offset=1)
    return bradley_terry_loss(scores[:, above].flatten(), scores[:, below].flatten())
