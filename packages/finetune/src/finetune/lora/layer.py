r"""The LoRA layer: a frozen linear layer plus a trained low-rank update.

y = W x + s B A x,    s = alpha / r    (Hu et al. 2021, eq. 3)

W is (out, in) and frozen. A is (r, in) and B is (out, r), so r (in + out) numbers are trained
instead of in x out. A starts uniform in +-1/sqrt(in) and B at zero: the layer starts as its base.
Departure from the paper: it draws A from a normal distribution; the uniform one is that of `peft`.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from finetune.lora.nf4 import Nf4Linear
from gpt.model.dropout import Dropout


class LoraLinear(nn.Module):
    """A frozen linear layer with a low-rank update: base(x) + scale * B(A(x)).

    In a model it has an A and a B for each of q, k and v (`finetune.lora.projections`), and can be
    switched off (`AdaptedLinear` of `finetune.lora.inject`).
    """

    base: nn.Linear | Nf4Linear
    a: nn.Parameter
    """The matrix A, by which the method `A` multiplies."""
    b: nn.Parameter
    """The matrix B, by which the method `B` multiplies."""

    def __init__(
        self,
        base: nn.Linear | Nf4Linear,
        rank: int,
        scale: float,
        p_dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.rank, self.scale, self.dropout = rank, scale, Dropout(p_dropout)
        weight = base.weight
        n_outputs, n_inputs = weight.shape
        # half-precision adapters would lose small optimizer steps
        dtype = torch.promote_types(weight.dtype, torch.float32)
        device = weight.device if generator is None else generator.device
        uniform = torch.rand(rank, n_inputs, generator=generator, dtype=dtype, device=device)
        a = (2 * uniform - 1) * (1 / math.sqrt(n_inputs))
        self.a = nn.Parameter(a.to(weight.device))
        self.b = nn.Parameter(torch.zeros(n_outputs, rank, dtype=dtype, device=weight.device))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        """Return base(x) + scale * B(A(x)), with dropout before A."""
        y = self.base(x)
        update = self.scale * self.B(self.A(self.dropout(x)))
        return y + update.to(y.dtype)

    def A(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B R"]:
        """Project the input down to r numbers: A x, in the format of A."""
        return F.linear(x.to(self.a.dtype), self.a)

    def B(self, h: Float[Tensor, "*B R"]) -> Float[Tensor, "*B N"]:
        """Project r numbers up to the outputs of the layer: B h."""
        return F.linear(h, self.b)

    def delta_weight(self) -> Float[Tensor, "N D"]:
        """Return the update as one matrix, which merging adds to the weight: s B A."""
        columns = self.a.T  # of A; B maps each to a column of B A
        return self.scale * self.B(columns).T
