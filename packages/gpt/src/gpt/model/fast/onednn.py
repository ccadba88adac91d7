r"""Matrix products by oneDNN instead of MKL, which are faster on some processors.

torch multiplies fp32 matrices on a CPU by MKL, which uses AVX-512, the widest vectors of a
processor, on Intel's only. oneDNN, which torch also contains, uses them on AMD's as well.
The rows of training steps of `gpt compare` show what that is worth.
"""

from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from gpt.device import is_eager_cpu

MANY_PRODUCTS = 2**20
"""Multiplications of numbers from which oneDNN is faster: each of its calls takes 8 us longer."""


@lru_cache
def processor_prefers_onednn() -> bool:
    """Whether this is a processor of AMD with AVX-512, and this torch contains oneDNN."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return "AMD" in capabilities.get("cpu_name", "") and capabilities.get("avx512_f", False)


def is_faster_by_onednn(x: Float[Tensor, "*B D"], weight: Float[Tensor, "N D"]) -> bool:
    """Whether x W^T is a large fp32 product on a processor that prefers oneDNN."""
    return (
        x.numel() * weight.shape[0] >= MANY_PRODUCTS
        and x.dtype == weight.dtype == torch.float32
        and processor_prefers_onednn()
        and is_eager_cpu(x)
        and is_eager_cpu(weight)
    )


def product_by_onednn(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, "N D"], bias: Float[Tensor, " N"] | None = None
) -> Float[Tensor, "*B N"]:
    """Compute x W^T + b without a gradient. The operation is the one that torch.compile uses."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class LinearByOneDNN(torch.autograd.Function):
    """`F.linear` whose three products, one forward and two backward, are computed by oneDNN."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "*B D"],
        weight: Float[Tensor, "N D"],
        bias: Float[Tensor, " N"] | None,
    ) -> Float[Tensor, "*B N"]:
        """Compute y = x W^T + b."""
        ctx.save_for_backward(x, weight)
        return product_by_onednn(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B N"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compute the gradients dx = g W, dW = g^T x and db = sum of g over the rows."""
        (g,), (x, weight) = upstream, ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            product_by_onednn(g, weight.T.contiguous()) if needs_x else None,
            weight_gradient(g.flatten(0, -2), x.flatten(0, -2)) if needs_weight else None,
            g.flatten(0, -2).sum(dim=0) if needs_bias else None,
        )


def weight_gradient(g: Float[Tensor, "M N"], x: Float[Tensor, "M D"]) -> Float[Tensor, "N D"]:
    """Return g^T x, computed as the product with fewer rows: itself or its transpose."""
    if g.shape[1] <= x.shape[1]:
        return product_by_onednn(g.T, x.T)
    return product_by_onednn(x.T, g.T).T
