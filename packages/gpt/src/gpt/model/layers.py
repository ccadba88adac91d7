r"""The small parts of a block: normalisation, dropout, the feed-forward layer, the embedding.

Each equation is a function; the module beside it owns the weights and calls torch's fused kernel
where there is one. Tests hold function and kernel equal, values and gradients.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
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


def batch_norm(
    x: Float[Tensor, "B D"], gain: Float[Tensor, " D"], bias: Float[Tensor, " D"], eps: float = 1e-5
) -> Float[Tensor, "B D"]:
    r"""The contrast: the same equation down the columns (Ioffe and Szegedy 2015, algorithm 1).

    The statistics run over the batch, so what one example gets depends on its neighbours, and a
    batch of one has no variance. A language model with sequences of many lengths wants neither.
    """
    centred = x - x.mean(dim=0)
    return centred * torch.rsqrt(centred.square().mean(dim=0) + eps) * gain + bias


class LayerNorm(nn.Module):
    """`layer_norm` with its gain and bias."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """The rows, normalised."""
        return F.layer_norm(x, self.gain.shape, self.gain, self.bias, eps=1e-5)


def dropout(
    x: Float[Tensor, "*B"], p: float, generator: torch.Generator | None = None
) -> Float[Tensor, "*B"]:
    r"""Zero each number with probability p and scale the others, so that the mean stays.

    y = x m / (1 - p), m = 1 with probability 1 - p    (Srivastava et al. 2014; scaled in training)
    """
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= p
    return x * kept / (1 - p)


class Dropout(nn.Module):
    """`dropout` while training, nothing afterwards."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """The numbers, thinned in training."""
        return dropout(x, self.p) if self.training and self.p > 0 else x


def gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    r"""A smooth ReLU: x times the probability that a standard normal lies below x, nearly.

    y = x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))    (Hendrycks and Gimpel 2016, section 2)

    This is the tanh form, GPT-2's; the exact form differs in the fourth decimal.
    """
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class FeedForward(nn.Module):
    """Each position on its own: widen, bend, narrow (Vaswani et al. 2017, eq. 2, with ReLU)."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.widen = nn.Linear(d_model, d_ff)
        self.narrow = nn.Linear(d_ff, d_model)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The rows, transformed."""
        return self.narrow(F.gelu(self.widen(x), approximate="tanh"))


class TokenEmbedding(nn.Module):
    """A table with a row of width D for each token, used at both ends of the model.

    `scale` multiplies the rows on the way in only: sqrt(D) in Vaswani et al. 2017, section 3.4, and
    1 in GPT-2.
    """

    def __init__(self, vocab_size: int, d_model: int, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, d_model))
        self.scale = scale

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """The rows of the tokens."""
        return F.embedding(tokens, self.weight) * self.scale

    def logits(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """The tied head: how well each position matches each token's row (Press and Wolf 2017)."""
        return F.linear(x, self.weight)
