r"""Symmetric quantisation: a group of weights becomes small integers and one common scale.

scale = max |w| / q_max,    q = round(w / scale),    w is about q scale

with q_max = 127 for 8 bits and 7 for 4 (Jacob et al. 2018, "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference", section 2.1, with a zero point of 0).
Rounding to nearest moves a weight by half a step, scale / 2, at most.

One large weight makes the steps of its whole group large. A group is therefore one output channel,
a row of the matrix, or a few consecutive weights of a row (as in the formats of GGML, and in
Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization").
"""

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int8, UInt8
from torch import Tensor

from gpt.errors import BadInput

LARGEST_INTEGER = {8: 127, 4: 7}
"""The largest q by number of bits; the lowest is its negative, so that 0 stays 0."""


class QuantisedWeights(NamedTuple):
    """Integers and the scale of each group of them."""

    integers: Int8[Tensor, "R C"]
    scales: Float[Tensor, "R N"]


def quantise_weights(
    weight: Float[Tensor, "R C"], bits: int, group: int | None = None
) -> QuantisedWeights:
    """Round each group of `group` weights to integers; without a group, each row is one.

    Scales are rounded to bf16, two bytes, before they are used: a weight still moves by half a step
    at most, because 127 (1 + 2^-9) rounds to 127.

    Raises:
        BadInput: bits is not 8 or 4, the groups do not divide a row, or a weight is not finite.
    """
    if not weight.isfinite().all():
        raise BadInput("weights that are NaN or infinite cannot be quantised")
    group = weight.shape[1] if group is None else group
    check_quantisation(bits, group, weight.shape[1])
    groups = rearrange(weight.float(), "R (N group) -> R N group", group=group)
    largest = groups.abs().amax(dim=-1)
    scales = (largest / LARGEST_INTEGER[bits]).bfloat16()
    scales = torch.where(scales == 0, 1, scales)  # a group of zeros: 0 / 0 is NaN
    integers = (groups / scales.float()[..., None]).round().to(torch.int8)
    return QuantisedWeights(integers.flatten(1), scales)


def dequantise_weights(weights: QuantisedWeights) -> Float[Tensor, "R C"]:
    """Return q scale in fp32."""
    integers, scales = weights
    groups = rearrange(integers, "R (N group) -> R N group", N=scales.shape[1])
    return (groups * scales.float()[..., None]).flatten(1)


def pack_nibbles(integers: Int8[Tensor, "R C"]) -> UInt8[Tensor, "R bytes"]:
    """Store two integers from -7 to 7 per byte, as q + 8: the first in the lower four bits."""
    low, high = rearrange((integers + 8).view(torch.uint8), "R (half two) -> two R half", two=2)
    return low | high << 4


def unpack_nibbles(packed: UInt8[Tensor, "R bytes"]) -> Int8[Tensor, "R C"]:
    """Return the two integers of each byte."""
    both = torch.stack([packed & 0x0F, packed >> 4], dim=-1)
    return both.flatten(1).view(torch.int8) - 8


def check_quantisation(bits: int, group: int, row: int) -> None:
    """Raise BadInput unless a row of weights can be stored with these settings."""
    if bits not in LARGEST_INTEGER:
        raise BadInput(f"weights are quantised to 8 or 4 bits, not {bits}")
    if group < 1 or row % group:
        raise BadInput(f"groups of {group} weights do not divide a row of {row}")
    if bits == 4 and row % 2:
        raise BadInput(f"4-bit weights are stored in pairs, but a row has {row}")
