"""The projections of a block, and LoRA for a layer that computes several of them.

    q k v o          queries, keys, values, and the output of attention
    gate up down     the feed-forward layer: gate (where there is one), up and down projection

In our model one layer computes q, k and v, so a projection is a slice of the outputs of a layer.
Every projection has an A and a B of its own. Those of one layer are stored stacked, in the order of
the projections: (P r, in) numbers for the A's and (rows, r) for the B's.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from finetune.lora.layer import LoraLinear
from finetune.lora.nf4 import Nf4Linear
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import GATED_KINDS

PROJECTION_NAMES = ("q", "k", "v", "o", "gate", "up", "down", "all")


class Projection(NamedTuple):
    """A projection of a block: a slice of the outputs of one of our layers."""

    layer: str
    """Name of the layer within the block."""
    n_inputs: int
    outputs: slice


def block_projections(shape: GPTConfig) -> dict[str, Projection]:
    """Return the projections of a block by name, in the order of the layers."""
    d, d_ff = shape.d_model, shape.d_ff
    queries, keys = shape.n_heads * shape.d_head, shape.kv_heads * shape.d_head
    gated = shape.feed_forward in GATED_KINDS.values()
    projections = {
        "q": Projection("attention.qkv", d, slice(0, queries)),
        "k": Projection("attention.qkv", d, slice(queries, queries + keys)),
        "v": Projection("attention.qkv", d, slice(queries + keys, queries + 2 * keys)),
        "o": Projection("attention.output", queries, slice(0, d)),
        "gate": Projection("mlp.gate", d, slice(0, d_ff)),
        "up": Projection("mlp.up" if gated else "mlp.widen", d, slice(0, d_ff)),
        "down": Projection("mlp.narrow", d_ff, slice(0, d)),
    }
    return {name: each for name, each in projections.items() if gated or name != "gate"}


def select_projections(shape: GPTConfig, targets: tuple[str, ...]) -> list[Projection]:
    """Return the named projections; `all` names every projection of the model.

    Raises:
        BadInput: the model has no projection of that name.
    """
    projections = block_projections(shape)
    check_projection_names(targets, (*projections, "all"))
    return [each for name, each in projections.items() if name in targets or "all" in targets]


def check_projection_names(targets: tuple[str, ...], accepted: tuple[str, ...]) -> None:
    """Raise BadInput for a name that is not accepted, or if no name is given."""
    for name in targets:
        if name not in accepted:
            raise BadInput(f"no projection is called {name!r}; choose from {', '.join(accepted)}")
    if not targets:
        raise BadInput(f"no projection to adapt is named; choose from {', '.join(accepted)}")


class AdapterSlices(NamedTuple):
    """Position of a projection's adapter in its layer."""

    outputs: slice
    """Outputs of the layer that the adapter changes."""
    a: slice
    """Rows of the stacked A's, and numbers of A x."""
    b: slice
    """Rows of the stacked B's."""


class LoraProjections(LoraLinear):
    """A layer that computes several projections, such as q, k and v, each with its own A and B.

    P adapters of rank r are one adapter of rank P r whose B is block diagonal; only its blocks are
    stored and multiplied. Outputs without an adapter are those of the base.
    """

    def __init__(
        self,
        base: nn.Linear | Nf4Linear,
        outputs: Sequence[slice],
        rank: int,
        scale: float,
        p_dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(base, len(outputs) * rank, scale, p_dropout, generator)
        self.rank = rank
        rows = [0, *accumulate(each.stop - each.start for each in outputs)]
        self.slices = [
            AdapterSlices(each, slice(i * rank, (i + 1) * rank), slice(rows[i], rows[i + 1]))
            for i, each in enumerate(outputs)
        ]
        self.b = nn.Parameter(self.b.data.new_zeros(rows[-1], rank))

    def B(self, h: Float[Tensor, "*B PR"]) -> Float[Tensor, "*B N"]:
        """Multiply the r numbers of each projection by its B; other outputs are zero."""
        y = h.new_zeros(*h.shape[:-1], self.base.out_features)
        for outputs, a, b in self.slices:
            y[..., outputs] = F.linear(h[..., a], self.b[b])
        return y
