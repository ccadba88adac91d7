r"""NF4: the frozen base of QLoRA, with 4 bits per weight.

Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", section 3. Weights of a
trained layer are nearly normally distributed, so the 16 levels are quantiles of the normal
distribution, closer together where weights are frequent (NormalFloat). Each block of 64 consecutive
weights shares a scale, their largest magnitude. The scales are quantised too, to 8 bits in groups
of 256 (double quantisation), which takes them from 0.5 bits per weight to 0.127:

    4 + 8/64 + 32/(64 256) = 4.127 bits = 0.516 bytes per weight

Departure from the paper: a scale is stored as an 8-bit integer instead of an 8-bit float.
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
from gpt.model.fast.linear import FastLinear, fast_linear
from gpt.model.gpt import GPT

BLOCK_SIZE, GROUP_SIZE = 64, 256


@lru_cache
def nf4_levels() -> Float[Tensor, "16"]:
    r"""Return the 16 levels from -1 to 1: quantiles of the normal distribution over the largest.

    Zero must be a level, so the two sides are computed separately: the probabilities of 8 positive
    levels rise in equal steps from 1/2 to p = 1 - (1/30 + 1/32)/2, those of 7 negative levels fall
    from 1/2 to 1 - p. Section 3 describes this in words; its eq. 4 alone does not give the list of
    appendix E, with which these levels agree to six digits.
    """
    quantile, p = NormalDist().inv_cdf, 1 - (1 / 30 + 1 / 32) / 2
    positive = [quantile(0.5 + (p - 0.5) * i / 8) for i in range(1, 9)]
    negative = [-quantile(0.5 + (p - 0.5) * i / 7) for i in range(7, 0, -1)]
    return torch.tensor([*negative, 0.0, *positive], dtype=torch.float64) / positive[-1]


def nearest_level(x: Float[Tensor, "*B"]) -> UInt8[Tensor, "*B"]:
    """Return the index of the level nearest to each number in [-1, 1]."""
    midpoints = (nf4_levels()[1:] + nf4_levels()[:-1]) / 2
    return torch.bucketize(x, midpoints.to(x), out_int32=True).to(torch.uint8)


class QuantisedMatrix(NamedTuple):
    """A matrix flattened row by row into blocks of 64 numbers; the last block may be padded."""

    codes: UInt8[Tensor, "blocks 32"]
    """Two level indices per byte, the first in the upper four bits."""
    scales: Int8[Tensor, "groups 256"]
    """Scale of each block minus the mean scale, in steps of its group."""
    steps: Float[Tensor, "groups 1"]
    mean: Float[Tensor, ""]


def quantise_matrix(weight: Float[Tensor, "N D"]) -> QuantisedMatrix:
    """Round each number, divided by the scale of its block, to the nearest level."""
    blocks = pad_to_rows(weight.flatten().float(), BLOCK_SIZE)
    scales = blocks.abs().amax(dim=1)
    codes = nearest_level(blocks / scales.clamp(min=torch.finfo(torch.float32).tiny)[:, None])
    first, second = rearrange(codes, "blocks (half two) -> two blocks half", two=2)
    mean = scales.mean()  # without it scales are positive, which would waste the sign bit
    groups = pad_to_rows(scales - mean, GROUP_SIZE)
    steps = groups.abs().amax(dim=1, keepdim=True).clamp(min=1e-30) / 127
    units = (groups / steps).round().to(torch.int8)
    return QuantisedMatrix(
        first << 4 | second, units, steps.to(weight.dtype), mean.to(weight.dtype)
    )


def pad_to_rows(flat: Float[Tensor, " N"], width: int) -> Float[Tensor, "rows width"]:
    """Reshape to rows of this width, filling the last row with zeros."""
    return F.pad(flat, (0, -len(flat) % width)).view(-1, width)


def dequantise_matrix(matrix: QuantisedMatrix, shape: tuple[int, int]) -> Float32[Tensor, "N D"]:
    """Return the matrix in float32: each level times the scale of its block."""
    codes, scales, steps, mean = matrix
    scales = (scales * steps.float() + mean.float()).flatten()[: len(codes), None]
    pairs = level_pairs(codes.device).index_select(0, codes.flatten().int())
    blocks = pairs.view(torch.float32).view(-1, BLOCK_SIZE).mul_(scales)
    return blocks.flatten()[: shape[0] * shape[1]].view(shape)


@lru_cache
def level_pairs(device: torch.device) -> Int64[Tensor, "256"]:
    """Return the two float32 levels of each byte as one 64-bit integer, which copies faster."""
    pairs = torch.cartesian_prod(nf4_levels(), nf4_levels()).float()
    return pairs.view(torch.int64).flatten().to(device)


class Nf4Linear(nn.Module):
    """A linear layer with a frozen 4-bit weight.

    Checkpoints do not contain the weight: it is quantised again from the base model.
    """

    codes: Tensor
    scales: Tensor
    steps: Tensor
    mean: Tensor
    bias: nn.Parameter | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        for name, tensor in quantise_matrix(linear.weight.detach())._asdict().items():
            self.register_buffer(name, tensor, persistent=False)
        self.register_parameter("bias", linear.bias)
        self.requires_grad_(False)

    @property
    def weight(self) -> Float[Tensor, "N D"]:
        """The dequantised matrix in the model's number format, recomputed each time it is read."""
        matrix = QuantisedMatrix(self.codes, self.scales, self.steps, self.mean)
        weight = dequantise_matrix(matrix, (self.out_features, self.in_features))
        return weight.to(self.steps.dtype)

    @property
    def n_weights(self) -> int:
        """Number of weights in the matrix."""
        return self.in_features * self.out_features

    @property
    def n_bytes(self) -> int:
        """Size of the stored matrix in bytes."""
        return sum(buffer.nbytes for buffer in self.buffers())

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        """Return x W^T + b."""
        if torch.is_grad_enabled() and x.requires_grad:
            y: Any = FrozenProduct.apply(x, self)
            return y if self.bias is None else y + self.bias.to(y.dtype)
        return fast_linear(x, self.weight.to(x.dtype), self.bias)


class FrozenProduct(torch.autograd.Function):
    """x W^T; the backward pass dequantises W again, because keeping it would undo the saving.

    Only x gets a gradient; first derivatives only.
    """

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "*B D"], layer: Any) -> Float[Tensor, "*B N"]:
        """Return x W^T and keep the layer, not its dequantised weight."""
        ctx.layer = layer
        return F.linear(x, layer.weight.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B N"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the gradient of x, which is g W with g that of y."""
        return upstream[0] @ ctx.layer.weight.to(upstream[0].dtype), None


def quantise_model(model: GPT) -> None:
    """Quantise the linear layers of all blocks, in place; other weights keep their format.

    Raises:
        BadInput: the blocks have no linear layer in full precision.
    """
    found = linear_layers(model)
    if not found:
        raise BadInput("this model has no layer in full precision inside its blocks")
    for name, layer in found.items():
        model.set_submodule(name, Nf4Linear(layer).train(layer.training))


def linear_layers(model: GPT) -> dict[str, nn.Linear]:
    """Return the linear layers of the blocks by name, without the token embedding and the head."""
    named = model.blocks.named_modules(prefix="blocks")
    return {name: each for name, each in named if isinstance(each, nn.Linear)}


@torch.no_grad()
def dequantise_model(model: GPT) -> None:
    """Replace 4-bit layers by ordinary ones, in place, keeping the dequantised weights."""
    found = {name: each for name, each in model.named_modules() if isinstance(each, Nf4Linear)}
    for name, layer in found.items():
        linear = FastLinear(layer.in_features, layer.out_features, bias=False, device="meta")
        linear.weight = nn.Parameter(layer.weight)
        linear.register_parameter("bias", layer.bias)
        model.set_submodule(name, linear.train(layer.training))
