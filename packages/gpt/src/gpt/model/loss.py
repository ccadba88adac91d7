r"""The loss at the head, in the memory of one table of scores.

A score for every position and every token is the largest tensor of a training step: 1,024 positions
of GPT-2 (50,257 tokens) make 206 MB, and the usual way through them holds several such tables, one
for the scores, one for the logarithms of probabilities, one for the gradient of each. But the
gradient of the loss at the scores, p - y, is known as soon as the scores are, so it takes their
place in the same memory. A long batch goes through in pieces.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

SCORES_AT_ONCE = 2**26  # 268 MB in fp32


def summed_nats(
    x: Float[Tensor, "B T D"],
    weight: Float[Tensor, "V D"],
    bias: Float[Tensor, " V"] | None,
    targets: Int[Tensor, "B T"],
) -> Float[Tensor, ""]:
    r"""Cross-entropy of the targets under softmax(x W^T + b), summed (nats).

    loss = -sum of ln p[target],    d loss / d scores = p - y,    y = 1 at the target and else 0
    """
    rows, wanted = x.flatten(0, 1), targets.flatten()
    # compilers and GPUs have ways of their own, and half formats need their casts
    if x.device.type != "cpu" or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return F.cross_entropy(F.linear(rows, weight, bias).float(), wanted, reduction="sum")
    loss: Any = HeadLoss.apply(rows, weight, bias, wanted)
    return loss


class HeadLoss(torch.autograd.Function):
    """Computes the gradient together with the loss, while the scores are there."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "N D"],
        weight: Float[Tensor, "V D"],
        bias: Float[Tensor, " V"] | None,
        targets: Int[Tensor, " N"],
    ) -> Float[Tensor, ""]:
        """The loss."""
        x_grad, weight_grad = torch.empty_like(x), torch.zeros_like(weight)
        bias_grad = None if bias is None else torch.zeros_like(bias)
        n_rows = max(1, SCORES_AT_ONCE // len(weight))
        table = x.new_empty(min(n_rows, len(x)), len(weight))
        loss, minus_one = x.new_zeros(()), x.new_full((1, 1), -1.0)
        for begin in range(0, len(x), n_rows):
            rows, wanted = x[begin : begin + n_rows], targets[begin : begin + n_rows, None]
            scores = torch.mm(rows, weight.T, out=table[: len(rows)])
            if bias is not None:
                scores += bias
            scores -= scores.amax(dim=-1, keepdim=True)
            loss -= scores.gather(1, wanted).sum()
            total = scores.exp_().sum(dim=-1, keepdim=True)
            loss += total.log().sum()
            scores /= total
            gradient = scores.scatter_add_(1, wanted, minus_one.expand_as(wanted))
            torch.mm(gradient, weight, out=x_grad[begin : begin + n_rows])
            weight_grad.addmm_(gradient.T, rows)
            if bias_grad is not None:
                bias_grad += gradient.sum(dim=0)
        ctx.gradients = (x_grad, weight_grad, bias_grad)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, ""]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The gradients, times that of the loss itself; they are handed out once."""
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            raise RuntimeError("a second backward pass through the same loss")
        return *(each if each is None else each.mul_(upstream[0]) for each in gradients), None
