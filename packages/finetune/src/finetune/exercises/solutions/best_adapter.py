"""The adapter closest to a change of all weights (Eckart and Young 1936)."""

import torch
from jaxtyping import Float
from torch import Tensor


def best_adapter(
    change: Float[Tensor, "N D"], rank: int, scale: float
) -> tuple[Float[Tensor, "R D"], Float[Tensor, "N R"]]:
    """Truncate the singular value decomposition U S V^T: B = U S / scale and A = V^T."""
    left, sizes, right = torch.linalg.svd(change, full_matrices=False)
    return right[:rank], left[:, :rank] * sizes[:rank] / scale
