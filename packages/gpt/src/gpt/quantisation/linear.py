"""A linear layer that stores integers, and a model whose blocks are built from such layers.

Only the weights are quantised (weight-only quantisation): a product first turns them back into
floats. This saves memory, and with `fast_linear` the time to read it. Norms, biases and embeddings
keep their format, as does the head, whose errors would enter the logits directly.
"""

import torch.nn.functional as F
from jaxtyping import Float, Int8, UInt8
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.quantisation.rounding import (
    QuantisedWeights,
    dequantise_weights,
    pack_nibbles,
    quantise_weights,
    unpack_nibbles,
)


class QuantisedLinear(nn.Module):
    """`nn.Linear` for inference, with weights of 8 or 4 bits."""

    integers: Int8[Tensor, "R C"] | UInt8[Tensor, "R bytes"]
    """The integers: one per byte if they have 8 bits, two if they have 4."""
    scales: Float[Tensor, "R N"]
    """Scale of each group, in bf16."""

    def __init__(self, linear: nn.Linear, bits: int, group: int | None = None) -> None:
        super().__init__()
        self.bits = bits
        integers, scales = quantise_weights(linear.weight.detach(), bits, group)
        self.register_buffer("integers", pack_nibbles(integers) if bits == 4 else integers)
        self.register_buffer("scales", scales)
        self.bias = linear.bias

    @property
    def weight(self) -> Float[Tensor, "R C"]:
        """The weights in fp32, which exist only while a product needs them."""
        integers = unpack_nibbles(self.integers) if self.bits == 4 else self.integers
        return dequantise_weights(QuantisedWeights(integers, self.scales))

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B R"]:
        """Compute x W^T + b."""
        return F.linear(x, self.weight.to(x.dtype), self.bias)


def quantise_model(model: GPT, bits: int, group: int | None = None) -> GPT:
    """Quantise the linear layers inside the blocks, in place, and return the model.

    Raises:
        BadInput: bits is not 8 or 4, groups do not divide a row, or the model is quantised already.
    """
    layers = [
        (parent, name, child)
        for parent in model.blocks.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
    if not layers:
        raise BadInput("this model is quantised already; load it again to quantise it differently")
    quantised = [
        (parent, name, QuantisedLinear(child, bits, group)) for parent, name, child in layers
    ]
    for parent, name, layer in quantised:  # only after all layers have passed the checks
        setattr(parent, name, layer)
    return model


def stored_bytes(module: nn.Module) -> int:
    """Return the memory of all parameters and buffers; a tied table counts once."""
    return sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()])
