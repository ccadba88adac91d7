r"""Cross-entropy at the head in the memory of a single table of logits.

The logits of all positions are the largest tensor of a forward pass: 206 MB for 1,024 positions of
GPT-2 (50,257 tokens). Autograd keeps several tensors of this size: logits, log-probabilities and
their gradients. But the gradient of the loss with respect to the logits, p - y, is known as soon as
the logits are, so here it overwrites them. A long batch is processed in chunks.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gpt.device import is_eager_cpu
from gpt.model.fast.linear import fast_linear, fast_weight_gradient
from gpt.model.loss import at_least_fp32, linear_cross_entropy

LOGITS_PER_CHUNK = 2**26  # 268 MB in fp32


def fast_linear_cross_entropy(
    x: Float[Tensor, "B T D"],
    weight: Float[Tensor, "V D"],
    bias: Float[Tensor, " V"] | None,
    targets: Int[Tensor, "B T"],
) -> Float[Tensor, ""]:
    """Compute `linear_cross_entropy`, and in training on a CPU its gradient in the same memory."""
    # compilers fuse the plain steps, half formats need a cast, and on a GPU this is unmeasured
    if is_eager_cpu(x) and torch.is_grad_enabled():
        loss: Any = FusedLinearCrossEntropy.apply(x.flatten(0, 1), weight, bias, targets.flatten())
        return loss
    return linear_cross_entropy(x, weight, bias, targets)


class FusedLinearCrossEntropy(torch.autograd.Function):
    """Loss and gradient computed together, while the logits are in memory.

    loss = -sum of ln p[target],    d loss / d logits = p - y,    y = 1 at the target and else 0

    It has first derivatives only; `linear_cross_entropy` has second ones too.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "N D"],
        weight: Float[Tensor, "V D"],
        bias: Float[Tensor, " V"] | None,
        targets: Int[Tensor, " N"],
    ) -> Float[Tensor, ""]:
        """Sum ln(sum of e^s) - s[target], where s are the logits minus their maximum."""
        x_grad = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        weight_grad = bias_grad = None
        loss, minus_one = x.new_zeros(()), x.new_full((1, 1), -1.0)
        n_rows = max(1, LOGITS_PER_CHUNK // len(weight))
        for begin in range(0, len(x), n_rows):
            rows, target_ids = x[begin : begin + n_rows], targets[begin : begin + n_rows, None]
            logits = p = gradient = None  # frees the table of the last chunk
            logits = fast_linear(rows, weight, bias)
            logits -= logits.amax(dim=-1, keepdim=True)  # changes no probability, bounds e^s
            loss -= logits.gather(1, target_ids).sum()
            total = logits.exp_().sum(dim=-1, keepdim=True)
            loss += total.log().sum()
            p = logits.div_(total)
            gradient = p.scatter_add_(1, target_ids, minus_one.expand_as(target_ids))  # p - y
            if x_grad is not None:
                x_grad[begin : begin + n_rows] = fast_linear(gradient, weight.T)
            if ctx.needs_input_grad[1]:
                weight_grad = add_to(weight_grad, fast_weight_gradient(gradient, rows))
            if ctx.needs_input_grad[2]:
                bias_grad = add_to(bias_grad, gradient.sum(dim=0))
        ctx.gradients = (x_grad, weight_grad, bias_grad)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Float[Tensor, ""]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the gradients times that of the loss; they are handed out only once."""
        if torch.is_grad_enabled():
            raise RuntimeError("this loss has first derivatives only")
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            raise RuntimeError("second backward pass through the same loss; its gradients are gone")
        return *(each if each is None else each.mul_(upstream[0]) for each in gradients), None


def add_to(total: Tensor | None, term: Tensor) -> Tensor:
    """Return the sum with one more term, in the memory of the first."""
    return term if total is None else total.add_(term)


def linear_cross_entropy_per_token(
    x: Float[Tensor, "N D"],
    weight: Float[Tensor, "V D"],
    bias: Float[Tensor, " V"] | None,
    targets: Int[Tensor, " N"],
) -> Float[Tensor, " N"]:
    r"""Return the cross-entropy of each target under softmax(x W^T + b), in nats.

    Where each row's loss gets its own weight, as in a preference between two texts, the gradient
    must wait for these weights. Until then one table is kept, the probabilities.
    """
    if is_eager_cpu(x) and torch.is_grad_enabled():
        losses: Any = FusedLinearCrossEntropyPerToken.apply(x, weight, bias, targets)
        return losses
    logits = at_least_fp32(F.linear(x, weight, bias))
    return F.cross_entropy(logits, targets, reduction="none")


class FusedLinearCrossEntropyPerToken(torch.autograd.Function):
    """The loss of each row, which keeps one table for the backward pass; first derivatives only."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "N D"],
        weight: Float[Tensor, "V D"],
        bias: Float[Tensor, " V"] | None,
        targets: Int[Tensor, " N"],
    ) -> Float[Tensor, " N"]:
        """Return ln(sum of e^s) - s[target] per row, where s are the logits minus their maximum."""
        target_ids = targets[:, None]
        logits = fast_linear(x, weight, bias)
        logits -= logits.amax(dim=-1, keepdim=True)
        picked = logits.gather(1, target_ids)
        total = logits.exp_().sum(dim=-1, keepdim=True)
        p = logits.div_(total)
        ctx.save_for_backward(x, weight, target_ids)
        ctx.table = p
        return (total.log_() - picked)[:, 0]

    @staticmethod
    def backward(ctx: Any, *upstream: Float[Tensor, " N"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compute p - y times the weight of the row, in the memory of the table."""
        if torch.is_grad_enabled():
            raise RuntimeError("this loss has first derivatives only")
        table, ctx.table = ctx.table, None
        if table is None:
            raise RuntimeError("second backward pass through the same loss; its gradients are gone")
        x, weight, target_ids = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        table.scatter_add_(1, target_ids, table.new_full((1, 1), -1.0).expand_as(target_ids))
        table *= upstream[0][:, None]
        return (
            fast_linear(table, weight.T) if needs_x else None,
            fast_weight_gradient(table, x) if needs_weight else None,
            table.sum(dim=0) if needs_bias else None,
            None,
        )
