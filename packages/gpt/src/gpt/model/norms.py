r"""Normalisation: bring every row to the same scale, so that it cannot grow with depth.

LayerNorm (GPT-2) centres and scales; RMSNorm (Llama) only scales; BatchNorm is shown for contrast.
Each equation is a function; the module of the same name owns the weights and calls torch's kernel.
Tests hold function and kernel equal in values and gradients.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def layer_norm(
    x: Float[Tensor, "*B D"],
    gain: Float[Tensor, " D"],
    bias: Float[Tensor, " D"],
    eps: float = 1e-5,
) -> Float[Tensor, "*B D"]:
    r"""Give every row mean 0 and variance 1, then a gain and a bias.

    y = (x - mean) / sqrt(variance + eps) * gain + bias    (Ba et al. 2016, eq. 4)

    The variance divides by D, not D - 1.
    """
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred * torch.rsqrt(variance + eps) * gain + bias


def rms_norm(
    x: Float[Tensor, "*B D"], gain: Float[Tensor, " D"], eps: float = 1e-5
) -> Float[Tensor, "*B D"]:
    r"""Give every row a mean square of 1, then a gain.

    y = x / sqrt(mean(x^2) + eps) * gain    (Zhang and Sennrich 2019, eq. 4)

    The mean is not subtracted: the authors find that scaling is what helps.
    """
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * gain


def batch_norm(
    x: Float[Tensor, "B D"], gain: Float[Tensor, " D"], bias: Float[Tensor, " D"], eps: float = 1e-5
) -> Float[Tensor, "B D"]:
    r"""Apply `layer_norm` to columns instead of rows (Ioffe and Szegedy 2015, algorithm 1).

    The statistics run over the batch, so the output of one example depends on the others, and a
    batch of one has no variance. Neither suits language models with sequences of many lengths.
    """
    centred = x - x.mean(dim=0)
    return centred * torch.rsqrt(centred.square().mean(dim=0) + eps) * gain + bias


class LayerNorm(nn.Module):
    """`layer_norm` with its gain and bias."""

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.shape, self.eps = (d_model,), eps

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """Compute `layer_norm` by torch's kernel."""
        return torch.layer_norm(x, self.shape, self.gain, self.bias, self.eps)


class RMSNorm(nn.Module):
    """`rms_norm` with its gain."""

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(d_model))
        self.shape, self.eps = (d_model,), eps

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """Compute `rms_norm` by torch's kernel."""
        return torch.rms_norm(x, self.shape, self.gain, self.eps)


NORMS = {"layer": LayerNorm, "rms": RMSNorm}
