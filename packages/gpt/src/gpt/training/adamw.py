r"""AdamW: every number gets its own step length, and weights shrink apart from the gradient.

Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2,
whose lines 6 to 12 are `adamw_update`. Departures, as in torch: the decay is multiplied by the
rate, and it comes first, on the old weights. `torch.optim.AdamW` is the same equation in one fused
kernel, which the training loop takes for its speed; tests hold the two equal over 100 steps.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class AdamWUpdate(NamedTuple):
    """The weight after a step, and the two running means that the next step needs."""

    weight: Float[Tensor, "*B"]
    mean: Float[Tensor, "*B"]
    square: Float[Tensor, "*B"]


def adamw_update(
    weight: Float[Tensor, "*B"],
    gradient: Float[Tensor, "*B"],
    mean: Float[Tensor, "*B"],
    square: Float[Tensor, "*B"],
    step: int,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> AdamWUpdate:
    r"""The step number `step`, counted from 1.

    w <- (1 - rate decay) w                         the old weight shrinks, whatever the gradient
    m <- b1 m + (1 - b1) g                          (line 7)
    v <- b2 v + (1 - b2) g^2                        (line 8)
    w <- w - rate m_hat / (sqrt(v_hat) + eps)       (line 12)

    m_hat = m / (1 - b1^t) and v_hat = v / (1 - b2^t) undo the start at zero (lines 9 and 10): the
    weights of a mean over the first t gradients add up to 1 - b^t only. At step 1, w moves by the
    rate against the sign of g.
    """
    beta1, beta2 = betas
    shrunk = (1 - rate * weight_decay) * weight
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    root = square.sqrt() / math.sqrt(1 - beta2**step)
    moved = shrunk - rate / (1 - beta1**step) * mean / (root + eps)
    return AdamWUpdate(moved, mean, square)


class AdamW(torch.optim.Optimizer):
    """`adamw_update` for every parameter, with torch's names and defaults."""

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.move(weight, weight.grad, group)

    def move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """One parameter's step; its state begins at zero."""
        state = self.state[weight]
        if not state:
            state |= {"step": 0, "mean": torch.zeros_like(weight)}
            state |= {"square": torch.zeros_like(weight)}
        state["step"] += 1
        settings = [group[name] for name in ("lr", "betas", "eps", "weight_decay")]
        new = adamw_update(
            weight, gradient, state["mean"], state["square"], state["step"], *settings
        )
        weight.copy_(new.weight)
        state |= {"mean": new.mean, "square": new.square}
