r"""The loss at the head, in the memory of one table of scores.

A table with a score for every position and every token is the largest that passes through a model:
1,024 positions of GPT-2 (50,257 tokens) make 206 MB, and the usual way through them holds several
such tables, one for the scores, one for the logarithms of probabilities, one for the gradient at
each. But the gradient of the loss at the scores, p - y, is known as soon as the scores are, so it
takes their place in the same memory. A long batch goes through in pieces.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gpt.device import is_eager_cpu

SCORES_AT_ONCE = 2**26  # 268 MB in fp32


def linear_cross_entropy(
    x: Float[Tensor, "B T D"],
    weight: Float[Tensor, "V D"],
    bias: Float[Tensor, " V"] | None,
    targets: Int[Tensor, "B T"],
) -> Float[Tensor, ""]:
    r"""Cross-entropy of the targets under softmax(x W^T + b), summed (nats).

    loss = -sum of ln p[target],    d loss / d scores = p - y,    y = 1 at the target and else 0
    """
    rows, wanted = x.flatten(0, 1), targets.flatten()
    # compilers fuse torch's two steps, half formats need a cast, and on a GPU ours is unmeasured
    if is_eager_cpu(x) and torch.is_grad_enabled():
        loss: Any = FusedLinearCrossEntropy.apply(rows, weight, bias, wanted)
        return loss
    scores = F.linear(rows, weight, bias)
    scores = at_least_fp32(scores)
    return F.cross_entropy(scores, wanted, reduction="sum")


class FusedLinearCrossEntropy(torch.autograd.Function):
    """Computes the gradient together with the loss, while the scores are there.

    It has first derivatives alone; `F.cross_entropy` has the second ones too.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "N D"],
        weight: Float[Tensor, "V D"],
        bias: Float[Tensor, " V"] | None,
        targets: Int[Tensor, " N"],
    ) -> Float[Tensor, ""]:
        """The sum of ln(sum of e^s) - s[target], s being the scores less their largest."""
        for_x, for_weight, for_bias, _ = ctx.needs_input_grad
        x_grad = torch.empty_like(x) if for_x else None
        weight_grad = torch.zeros_like(weight) if for_weight else None
        bias_grad = torch.zeros_like(weight[:, 0]) if for_bias else None
        n_rows = max(1, SCORES_AT_ONCE // len(weight))
        table = x.new_empty(min(n_rows, len(x)), len(weight))
        loss, minus_one = x.new_zeros(()), x.new_full((1, 1), -1.0)
        for begin in range(0, len(x), n_rows):
            rows, wanted = x[begin : begin + n_rows], targets[begin : begin + n_rows, None]
            scores = torch.mm(rows, weight.T, out=table[: len(rows)])
            if bias is not None:
                scores += bias
            scores -= scores.amax(dim=-1, keepdim=True)  # changes no probability, bounds e^s
            loss -= scores.gather(1, wanted).sum()
            total = scores.exp_().sum(dim=-1, keepdim=True)
            loss += total.log().sum()
            scores /= total  # p
            gradient = scores.scatter_add_(1, wanted, minus_one.expand_as(wanted))  # p - y
            if x_grad is not None:
                torch.mm(gradient, weight, out=x_grad[begin : begin + n_rows])
            if weight_grad is not None:
                weight_grad.addmm_(gradient.T, rows)
            if bias_grad is not None:
                bias_grad += gradient.sum(dim=0)
        ctx.gradients = (x_grad, weight_grad, bias_grad)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Float[Tensor, ""]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The gradients, times that of the loss itself; they are handed out once."""
        if torch.is_grad_enabled():
            raise RuntimeError("the loss at the head has first derivatives only")
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            raise RuntimeError("a second backward pass through the same loss")
        return *(each if each is None else each.mul_(upstream[0]) for each in gradients), None


def linear_cross_entropy_per_token(
    x: Float[Tensor, "N D"],
    weight: Float[Tensor, "V D"],
    bias: Float[Tensor, " V"] | None,
    targets: Int[Tensor, " N"],
) -> Float[Tensor, " N"]:
    r"""Cross-entropy of each target under softmax(x W^T + b), one by one (nats).

    Where each row's loss has a weight of its own, as in a preference between two texts, the
    gradient must wait for the weights. What waits is one table, the probabilities.
    """
    if is_eager_cpu(x) and torch.is_grad_enabled():
        nats: Any = FusedLinearCrossEntropyPerToken.apply(x, weight, bias, targets)
        return nats
    scores = F.linear(x, weight, bias)
    scores = at_least_fp32(scores)
    return F.cross_entropy(scores, targets, reduction="none")


class FusedLinearCrossEntropyPerToken(torch.autograd.Function):
    """The loss of every row, keeping one table until the backward pass; first derivatives alone."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "N D"],
        weight: Float[Tensor, "V D"],
        bias: Float[Tensor, " V"] | None,
        targets: Int[Tensor, " N"],
    ) -> Float[Tensor, " N"]:
        """ln(sum of e^s) - s[target] of each row, s being the scores less their largest."""
        wanted = targets[:, None]
        scores = F.linear(x, weight, bias)
        scores -= scores.amax(dim=-1, keepdim=True)
        picked = scores.gather(1, wanted)
        total = scores.exp_().sum(dim=-1, keepdim=True)
        scores /= total  # p
        ctx.save_for_backward(x, weight, wanted)
        ctx.table, ctx.has_bias = scores, bias is not None
        return (total.log_() - picked)[:, 0]

    @staticmethod
    def backward(ctx: Any, *upstream: Float[Tensor, " N"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Each row's p - y, times the weight of the row, in the table's own memory."""
        if torch.is_grad_enabled():
            raise RuntimeError("the loss at the head has first derivatives only")
        table, ctx.table = ctx.table, None
        if table is None:
            raise RuntimeError("a second backward pass through the same loss")
        x, weight, wanted = ctx.saved_tensors
        for_x, for_weight, for_bias, _ = ctx.needs_input_grad
        table.scatter_add_(1, wanted, table.new_full((1, 1), -1.0).expand_as(wanted))
        table *= upstream[0][:, None]
        return (
            table @ weight if for_x else None,
            table.T @ x if for_weight else None,
            table.sum(dim=0) if for_bias else None,
            None,
        )


def at_least_fp32(scores: Float[Tensor, "*N V"]) -> Float[Tensor, "*N V"]:
    """Scores in a half format as fp32, others as they are: logarithms of shares need the digits."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))
