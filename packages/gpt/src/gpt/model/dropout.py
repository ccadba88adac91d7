"""Dropout: zero random numbers in training, so that no feature relies on a single other one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def dropout(
    x: Float[Tensor, "*B"], p: float, generator: torch.Generator | None = None
) -> Float[Tensor, "*B"]:
    r"""Zero each number with probability p and scale the others up, so that the mean is kept.

    y = x m / (1 - p), m = 1 with probability 1 - p    (Srivastava et al. 2014; scaled in training)
    """
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= p
    return x * kept / (1 - p)


class Dropout(nn.Module):
    """`dropout` in training, and the identity in evaluation."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Apply dropout in training; return x unchanged in evaluation or where p is 0."""
        return dropout(x, self.p) if self.training and self.p > 0 else x
