"""Products with quantised weights by torch's kernels, for generation on a CPU.

The time of a product with one token is the time it takes to read the weights. `QuantisedLinear`
reads the integers, writes floats and reads those; these kernels turn integers into floats in the
registers of the processor. They compute in bf16: x and the result are rounded to it, sums are not.
"""

import torch
from einops import rearrange
from jaxtyping import BFloat16, Float, UInt8
from torch import Tensor, nn

from gpt.device import is_eager_cpu
from gpt.model.gpt import GPT
from gpt.quantisation.linear import QuantisedLinear
from gpt.quantisation.rounding import unpack_nibbles

KERNEL_ROWS = 8
"""Rows of x up to which the 8-bit kernel is faster than turning all weights into floats."""
KERNEL_GROUPS = (32, 64, 128, 256)
"""Sizes of groups that the 4-bit kernel knows."""
KERNEL_OUTPUTS = 16
"""The 4-bit kernel computes outputs in multiples of this number."""


def use_fast_products(model: GPT) -> GPT:
    """Replace the quantised layers for which torch has a kernel, in place; return the model."""
    for parent in list(model.blocks.modules()):
        for name, layer in parent.named_children():
            if type(layer) is QuantisedLinear:
                setattr(parent, name, fast_layer(layer))
    return model


def fast_layer(layer: QuantisedLinear) -> nn.Module:
    """Return a layer that uses a kernel: for 8 bits per row, or 4 bits per group of some sizes."""
    n_outputs, n_groups = layer.scales.shape
    if layer.bits == 8 and n_groups == 1:
        layer.__class__ = FastInt8Linear  # the same layer with another `forward`
    has_kernel = group_size(layer) in KERNEL_GROUPS and n_outputs % KERNEL_OUTPUTS == 0
    return FastInt4Linear(layer) if layer.bits == 4 and has_kernel else layer


def group_size(layer: QuantisedLinear) -> int:
    """Return the number of weights that share a scale."""
    return layer.weight.shape[1] // layer.scales.shape[1]


class FastInt8Linear(QuantisedLinear):
    """`QuantisedLinear` of 8 bits per row, whose products with few rows of x use the kernel."""

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B R"]:
        """Compute x W^T + b."""
        if x.numel() > KERNEL_ROWS * x.shape[-1] or not is_eager_cpu(x) or torch.is_grad_enabled():
            return super().forward(x)
        rows: BFloat16[Tensor, "N C"] = x.flatten(0, -2).bfloat16()
        y = torch.ops.aten._weight_int8pack_mm(rows, self.integers, self.scales[:, 0])
        y = y.to(x.dtype).view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias


class FastInt4Linear(nn.Module):
    """`QuantisedLinear` of 4 bits per group, with the bytes in the kernel's order."""

    integers: UInt8[Tensor, "R bytes"]
    scales: BFloat16[Tensor, "N R 2"]
    """Scale and offset of each group; the offsets of symmetric quantisation are 0."""

    def __init__(self, layer: QuantisedLinear) -> None:
        super().__init__()
        self.group, self.bias = group_size(layer), layer.bias
        unsigned = unpack_nibbles(layer.integers).int() + 8  # the kernel: (q - 8) scale + offset
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(unsigned, 1)
        offsets = torch.zeros_like(layer.scales)
        self.register_buffer("integers", packed)
        scales = rearrange([layer.scales, offsets], "two R N -> N R two").contiguous()
        self.register_buffer("scales", scales)

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B R"]:
        """Compute x W^T + b."""
        rows: BFloat16[Tensor, "N C"] = x.flatten(0, -2).bfloat16()
        y = torch.ops.aten._weight_int4pack_mm_for_cpu(rows, self.integers, self.group, self.scales)
        y = y.to(x.dtype).view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias
