"""`F.linear` by whichever product is fastest on a CPU for the sizes of x and W."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gpt.model.fast.few_rows import is_faster_by_few_rows, linear_few_rows
from gpt.model.fast.onednn import (
    LinearByOneDNN,
    is_faster_by_onednn,
    product_by_onednn,
    weight_gradient,
)


def fast_linear(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, "N D"], bias: Float[Tensor, " N"] | None = None
) -> Float[Tensor, "*B N"]:
    """Compute x W^T + b: by `few_rows` when one token is generated, by `onednn` if it is large."""
    if is_faster_by_few_rows(x, weight):
        return linear_few_rows(x, weight, bias)
    if is_faster_by_onednn(x, weight):
        if torch.is_grad_enabled():
            return LinearByOneDNN.apply(x, weight, bias)  # pyright: ignore[reportReturnType]
        return product_by_onednn(x, weight, bias)
    return F.linear(x, weight, bias)


def fast_weight_gradient(g: Float[Tensor, "M N"], x: Float[Tensor, "M D"]) -> Float[Tensor, "N D"]:
    """Compute g^T x, the gradient of the weight of `fast_linear`."""
    return weight_gradient(g, x) if is_faster_by_onednn(g.T, x.T) else g.T @ x


class FastLinear(nn.Linear):
    """`nn.Linear` by way of `fast_linear`."""

    def forward(self, input: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        """Compute x W^T + b."""
        return fast_linear(input, self.weight, self.bias)
