"""How often a drafted token is kept (Leviathan et al. 2023, theorem 3.5)."""

import torch
from jaxtyping import Float
from torch import Tensor


def acceptance_rate(p: Float[Tensor, " V"], q: Float[Tensor, " V"]) -> Float[Tensor, ""]:
    """Token x is drafted with q(x) and kept with min(1, p(x) / q(x)): together min(p(x), q(x))."""
    return torch.minimum(p, q).sum()
