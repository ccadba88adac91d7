r"""The time as a vector: sines and cosines at many frequencies, then two linear maps.

    features(t) = [cos(1000 t f_i), sin(1000 t f_i)],   f_i = 10000^(-i / (F/2 - 1))

as in DiT (Peebles and Xie 2023). The frequencies, from 1 down to 1/10000, were made for step
numbers of 0 to 1000. A time between 0 and 1 would move only the fastest waves, so it is multiplied
by 1000. That is a convention, which pretrained models depend on. A model can learn without it.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

N_FEATURES = 256
TIME_SCALE = 1000.0


def time_features(t: Float[Tensor, " B"], n: int = N_FEATURES) -> Float[Tensor, "B F"]:
    """Return n/2 cosines, then n/2 sines, of the times."""
    half = n // 2
    exponents = -math.log(10_000) * torch.arange(half, device=t.device, dtype=torch.float32)
    angles = TIME_SCALE * t.float()[:, None] * torch.exp(exponents / (half - 1))
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimeEmbedding(nn.Module):
    """Features of the time, a linear map, SiLU, and another linear map."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(N_FEATURES, d_model), nn.Linear(d_model, d_model)

    def forward(self, t: Float[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Return a vector for each time."""
        features = time_features(t).to(self.hidden.weight.dtype)
        return self.output(nn.functional.silu(self.hidden(features)))
