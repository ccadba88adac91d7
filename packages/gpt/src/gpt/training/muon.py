r"""Muon: a matrix moves equally far in every direction that its gradient points to.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon). The momentum M = U S V^T of a matrix is replaced by U V^T: rare
directions, with small singular values, count as much as common ones. For the matrices inside the
blocks only; embeddings, head, gains and biases stay with AdamW.

Departures, as in torch.optim.Muon: the momentum is a running mean rather than a sum (the same
direction), and weights decay (Liu et al. 2025, "Muon is scalable for LLM training", eq. 3). On a
CPU the products are taken in fp32, on a CUDA card in bf16. The rows of one matrix may hold several
(the queries, keys and values of attention), which are orthogonalised apart.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.runs.sharding import gather_full_tensor, shard_like

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def newton_schulz(matrices: Float[Tensor, "B R C"], steps: int = 5) -> Float[Tensor, "B R C"]:
    r"""Nearly U V^T, of the matrices U S V^T, by products alone.

    X <- a X + b (X X^T) X + c (X X^T)^2 X    with X = M / sqrt(sum of M^2) at first

    leaves U and V as they are and takes each singular value s to a s + b s^3 + c s^5. The a, b, c
    are chosen for a steep climb at 0, not for a limit: five steps take values from 0.01 to 1 to
    somewhere in 0.68 to 1.14 (Jordan et al. 2024).
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices  # the smaller square X X^T
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        # baddbmm(X, Y, Z, beta, alpha) = beta X + alpha Y Z, in three quarters of the time
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.mT if tall else x


def shape_scale(rows: int, columns: int) -> float:
    """Lengthen the step of a tall matrix, whose outputs would otherwise move less.

    sqrt(max(1, rows / columns))    (Jordan et al. 2024)
    """
    return math.sqrt(max(1, rows / columns))


def product_format(device: torch.device) -> torch.dtype:
    """The number format of the Newton-Schulz products: bf16 where the hardware is made for it."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def orthogonalise(
    momenta: list[Float[Tensor, "_ _"]], parts: tuple[int, ...]
) -> list[Float[Tensor, "_ _"]]:
    """The step of each matrix, part by part; parts of equal shape go through in one batch."""
    steps = [torch.empty_like(momentum) for momentum in momenta]
    shapes: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for pair in zip(momenta, steps, strict=True):
        rows = parts or (len(pair[0]),)
        for momentum, step in zip(*(matrix.split(rows) for matrix in pair), strict=True):
            shapes[momentum.shape].append((momentum, step))
    for shape, pairs in shapes.items():
        stacked = torch.stack([momentum for momentum, _ in pairs])
        directions = newton_schulz(stacked.to(product_format(stacked.device)))
        for (_, step), direction in zip(pairs, directions, strict=True):
            step.copy_(shape_scale(*shape) * direction)
    return steps


class Muon(torch.optim.Optimizer):
    """W <- (1 - rate decay) W - rate scale NewtonSchulz(g + mu (m - g)), m <- mu m + (1 - mu) g."""

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        parts: tuple[int, ...] = (),
    ) -> None:
        """`parts` are the rows of the matrices that lie on top of one another in a parameter."""
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": parts}
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move every matrix; those of equal shape are orthogonalised in one batch."""
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            momenta = [
                gather_full_tensor(self.momentum(parameter, group["momentum"]))
                for parameter in moved
            ]
            steps = orthogonalise(momenta, group["parts"])
            for parameter, step in zip(moved, steps, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(shard_like(step, parameter), alpha=group["lr"])

    def momentum(self, parameter: Tensor, mu: float) -> Float[Tensor, "R C"]:
        """Nesterov's momentum: the running mean of the gradients, one look ahead."""
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - mu)
        return torch.lerp(gradient, state["momentum"], mu)
