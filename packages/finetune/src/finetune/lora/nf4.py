r"""Four bits a weight: the frozen base of QLoRA.

Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", section 3. Weights of a
trained layer are nearly normal, so the 16 values that four bits can name are quantiles of the
normal distribution, closer together where weights are frequent (NormalFloat). Every 64 weights in a
row share a scale, their largest magnitude. The scales are quantised in turn, to eight bits in
blocks of 256 (double quantisation), which brings them from 0.5 bits a weight to 0.127:

    4 + 8/64 + 32/(64 256) = 4.127 bits = 0.516 bytes a weight

Departure from the paper: the eight bits of a scale are an integer, where it has a float.
"""

from functools import lru_cache
from statistics import NormalDist
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Float32, Int8, Int64, UInt8
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gpt.errors import BadInput
from gpt.model.fast.few_rows import FastLinear, fast_linear
from gpt.model.gpt import GPT

BLOCK_SIZE, GROUP_SIZE = 64, 256


@lru_cache
def nf4_levels() -> Float[Tensor, "16"]:
    r"""The 16 values, from -1 to 1: quantiles of the normal distribution, divided by the largest.

    Zero must be among them, so the two sides are made apart: the probabilities of 8 positive values
    step evenly from 1/2 to p = 1 - (1/30 + 1/32)/2, those of 7 negative ones from 1/2 to 1 - p.
    Section 3 says so in words; its eq. 4 alone gives other numbers than the list in appendix E,
    which these are to six digits.
    """
    quantile, p = NormalDist().inv_cdf, 1 - (1 / 30 + 1 / 32) / 2
    positive = [quantile(0.5 + (p - 0.5) * i / 8) for i in range(1, 9)]
    negative = [-quantile(0.5 + (p - 0.5) * i / 7) for i in range(7, 0, -1)]
    return torch.tensor([*negative, 0.0, *positive], dtype=torch.float64) / positive[-1]


def nearest_level(x: Float[Tensor, "*B"]) -> UInt8[Tensor, "*B"]:
    """The number of the level nearest to each of the numbers, which lie in [-1, 1]."""
    between = (nf4_levels()[1:] + nf4_levels()[:-1]) / 2
    return torch.bucketize(x, between.to(x), out_int32=True).to(torch.uint8)


class QuantisedMatrix(NamedTuple):
    """A matrix in blocks of 64 numbers, row after row; the last block may be padded."""

    codes: UInt8[Tensor, "blocks 32"]
    """Two levels a byte, the first of them in the upper half."""
    scales: Int8[Tensor, "groups 256"]
    """The scale of a block, less the mean scale, in steps of its group."""
    steps: Float[Tensor, "groups 1"]
    mean: Float[Tensor, ""]


def quantise_matrix(weight: Float[Tensor, "N D"]) -> QuantisedMatrix:
    """The nearest that four bits have: each number over its block's scale, to the nearest level."""
    blocks = pad_to_rows(weight.flatten().float(), BLOCK_SIZE)
    scales = blocks.abs().amax(dim=1)
    codes = nearest_level(blocks / scales.clamp(min=torch.finfo(torch.float32).tiny)[:, None])
    first, second = rearrange(codes, "blocks (half two) -> two blocks half", two=2)
    mean = scales.mean()  # scales are positive; a sign bit is worth having once it is taken off
    groups = pad_to_rows(scales - mean, GROUP_SIZE)
    steps = groups.abs().amax(dim=1, keepdim=True).clamp(min=1e-30) / 127
    units = (groups / steps).round().to(torch.int8)
    return QuantisedMatrix(
        first << 4 | second, units, steps.to(weight.dtype), mean.to(weight.dtype)
    )


def pad_to_rows(flat: Float[Tensor, " n"], width: int) -> Float[Tensor, "rows width"]:
    """The numbers in rows of one width, with zeros at the end of the last."""
    return F.pad(flat, (0, -len(flat) % width)).view(-1, width)


def dequantise_matrix(stored: QuantisedMatrix, shape: tuple[int, int]) -> Float32[Tensor, "N D"]:
    """The matrix again: each level times the scale of its block."""
    codes, scales, steps, mean = stored
    scales = (scales * steps.float() + mean.float()).flatten()[: len(codes), None]
    pairs = level_pairs(codes.device).index_select(0, codes.flatten().int())
    blocks = pairs.view(torch.float32).view(-1, BLOCK_SIZE).mul_(scales)
    return blocks.flatten()[: shape[0] * shape[1]].view(shape)


@lru_cache
def level_pairs(device: torch.device) -> Int64[Tensor, "256"]:
    """The two float32 that a byte stands for, as one number of 64 bits, which copies faster."""
    pairs = torch.cartesian_prod(nf4_levels(), nf4_levels()).float()
    return pairs.view(torch.int64).flatten().to(device)


class Nf4Linear(nn.Module):
    """A linear layer whose weight is kept in four bits, and stands still.

    No checkpoint holds it: it is made again from the layer that it was made from.
    """

    codes: Tensor
    scales: Tensor
    steps: Tensor
    mean: Tensor
    bias: nn.Parameter | None

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = plain.in_features, plain.out_features
        for name, tensor in quantise_matrix(plain.weight.detach())._asdict().items():
            self.register_buffer(name, tensor, persistent=False)
        self.register_parameter("bias", plain.bias)
        self.requires_grad_(False)

    @property
    def weight(self) -> Float[Tensor, "N D"]:
        """The matrix, made anew at every use."""
        stored = QuantisedMatrix(self.codes, self.scales, self.steps, self.mean)
        weight = dequantise_matrix(stored, (self.out_features, self.in_features))
        return weight.to(self.steps.dtype)  # what the model has been put into

    @property
    def n_weights(self) -> int:
        """Numbers in the matrix."""
        return self.in_features * self.out_features

    @property
    def n_bytes(self) -> int:
        """What it takes to keep them."""
        return sum(buffer.nbytes for buffer in self.buffers())

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        """The rows, projected."""
        if torch.is_grad_enabled() and x.requires_grad:
            y: Any = FrozenProduct.apply(x, self)
            return y if self.bias is None else y + self.bias.to(y.dtype)
        return fast_linear(x, self.weight.to(x.dtype), self.bias)


class FrozenProduct(torch.autograd.Function):
    """x W^T, making W again in the backward pass: kept, it would take its full size after all.

    Gradients flow to x alone; first derivatives.
    """

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "*B D"], layer: Any) -> Float[Tensor, "*B N"]:
        """The rows, projected."""
        ctx.layer = layer
        return F.linear(x, layer.weight.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B N"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """With g at y, g W at x."""
        return upstream[0] @ ctx.layer.weight.to(upstream[0].dtype), None


def quantise_model(model: GPT) -> None:
    """Put every product of the blocks into four bits, in place; the rest keeps its format.

    Raises:
        BadInput: there is nothing to quantise.
    """
    found = linear_layers(model)
    if not found:
        raise BadInput("this model has no layer in full precision inside its blocks")
    for name, layer in found.items():
        model.set_submodule(name, Nf4Linear(layer).train(layer.training))


def linear_layers(model: GPT) -> dict[str, nn.Linear]:
    """The linear layers of the blocks, by name; the table of tokens and the head are none."""
    named = model.blocks.named_modules(prefix="blocks")
    return {name: each for name, each in named if isinstance(each, nn.Linear)}


@torch.no_grad()
def dequantise_model(model: GPT) -> None:
    """Put the layers in four bits into full precision, in place, as they are: for an export."""
    stored = {name: each for name, each in model.named_modules() if isinstance(each, Nf4Linear)}
    for name, layer in stored.items():
        plain = FastLinear(layer.in_features, layer.out_features, bias=False, device="meta")
        plain.weight = nn.Parameter(layer.weight)
        plain.register_parameter("bias", layer.bias)
        model.set_submodule(name, plain.train(layer.training))
