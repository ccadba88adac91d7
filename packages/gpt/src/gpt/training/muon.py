r"""Muon: momentum made orthogonal, so that a matrix moves equally far in all of its directions.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon). The momentum M = U S V^T of a matrix is replaced by U V^T: rare
directions, with small singular values, count as much as common ones. Muon is for the matrices
inside the blocks; embeddings, head, gains and biases stay with AdamW.

Departures, as in torch.optim.Muon: the momentum is a running mean rather than a sum (the same
direction), and weights decay (Liu et al. 2025, "Muon is scalable for LLM training", eq. 3). The
products are computed in fp32 on a CPU and in bf16 on a CUDA GPU. One parameter may stack several
matrices (the query, key and value projections), which are orthogonalised separately.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.runs.parallel import gather_full_tensor, shard_like

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def newton_schulz(matrices: Float[Tensor, "B R C"], steps: int = 5) -> Float[Tensor, "B R C"]:
    r"""Return approximately U V^T for each matrix M = U S V^T, using matrix products only.

    X <- a X + b (X X^T) X + c (X X^T)^2 X    starting from X = M / sqrt(sum of M^2)

    keeps U and V and maps each singular value s to a s + b s^3 + c s^5. The coefficients a, b, c
    are chosen for a steep slope at 0 and not for convergence: five steps map values from 0.01 to 1
    into the range from 0.68 to 1.14 (Jordan et al. 2024).
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices  # so that X X^T is the smaller product
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        # baddbmm(X, Y, Z, beta, alpha) = beta X + alpha Y Z, in three quarters of the time
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.mT if tall else x


def orthogonalise(
    momenta: list[Float[Tensor, "_ _"]], row_splits: tuple[int, ...]
) -> list[Float[Tensor, "_ _"]]:
    """Return the step of each parameter; stacked matrices are orthogonalised separately.

    step = sqrt(max(1, rows / columns)) NewtonSchulz(momentum)    (Jordan et al. 2024)

    Without the scale, the outputs of a tall matrix would move less. Matrices of equal shape are
    orthogonalised in one batch.
    """
    steps = [torch.empty_like(momentum) for momentum in momenta]
    shapes: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for momentum, step in zip(momenta, steps, strict=True):
        splits = row_splits or (len(momentum),)
        for pair in zip(momentum.split(splits), step.split(splits), strict=True):
            shapes[pair[0].shape].append(pair)
    for (rows, columns), pairs in shapes.items():
        scale = math.sqrt(max(1, rows / columns))
        stacked = torch.stack([momentum for momentum, _ in pairs])
        dtype = torch.bfloat16 if stacked.device.type == "cuda" else torch.float32
        directions = newton_schulz(stacked.to(dtype))
        for (_, step), direction in zip(pairs, directions, strict=True):
            step.copy_(scale * direction)
    return steps


class Muon(torch.optim.Optimizer):
    """The optimizer for matrices inside blocks, with Nesterov momentum and weight decay.

    m <- mu m + (1 - mu) g
    W <- (1 - rate decay) W - rate scale NewtonSchulz(g + mu (m - g))
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        row_splits: tuple[int, ...] = (),
    ) -> None:
        """Take the parameters; `row_splits` are the rows of each matrix stacked in a parameter."""
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, settings | {"row_splits": row_splits})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            matrices = [parameter for parameter in group["params"] if parameter.grad is not None]
            momenta = [
                gather_full_tensor(self.momentum(parameter, group["momentum"]))
                for parameter in matrices
            ]
            steps = orthogonalise(momenta, group["row_splits"])
            for parameter, step in zip(matrices, steps, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(shard_like(step, parameter), alpha=group["lr"])

    def momentum(self, parameter: Tensor, mu: float) -> Float[Tensor, "R C"]:
        """Return Nesterov's momentum: the running mean of the gradients, one step ahead."""
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - mu)
        return torch.lerp(gradient, state["momentum"], mu)
