"""What in a block can have an adapter: the parts, by the names that users give them.

    q k v o          queries, keys, values, and what attention writes
    gate up down     the feed-forward layer: the gate where there is one, widening, narrowing

One layer of ours makes queries, keys and values, so a part is some of the outputs of a layer.
"""

from typing import NamedTuple

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import GATED_KINDS

PROJECTION_NAMES = ("q", "k", "v", "o", "gate", "up", "down", "all")


class Projection(NamedTuple):
    """Some of the outputs of a layer."""

    layer: str
    """The layer, by its name in the block."""
    n_inputs: int
    outputs: slice

    @property
    def n_outputs(self) -> int:
        """How many outputs."""
        return self.outputs.stop - self.outputs.start


def block_projections(shape: GPTConfig) -> dict[str, Projection]:
    """The parts of a block by name, in the order of the layers."""
    d, d_ff = shape.d_model, shape.d_ff
    queries, keys = shape.n_heads * shape.d_head, shape.kv_heads * shape.d_head
    gated = shape.feed_forward in GATED_KINDS.values()
    parts = {
        "q": Projection("attention.qkv", d, slice(0, queries)),
        "k": Projection("attention.qkv", d, slice(queries, queries + keys)),
        "v": Projection("attention.qkv", d, slice(queries + keys, queries + 2 * keys)),
        "o": Projection("attention.output", queries, slice(0, d)),
        "gate": Projection("mlp.gate", d, slice(0, d_ff)),
        "up": Projection("mlp.up" if gated else "mlp.widen", d, slice(0, d_ff)),
        "down": Projection("mlp.narrow", d_ff, slice(0, d)),
    }
    return {name: part for name, part in parts.items() if gated or name != "gate"}


def select_projections(shape: GPTConfig, targets: tuple[str, ...]) -> list[Projection]:
    """The parts that are named; `all` names those that the model has.

    Raises:
        BadInput: this model has no part of a name.
    """
    parts = block_projections(shape)
    check_projection_names(targets, (*parts, "all"))
    return [part for name, part in parts.items() if name in targets or "all" in targets]


def check_projection_names(targets: tuple[str, ...], accepted: tuple[str, ...]) -> None:
    """Refuse names of parts that are not there, and an empty list of them."""
    for name in targets:
        if name not in accepted:
            raise BadInput(f"there is no part {name!r} to adapt; there are {', '.join(accepted)}")
    if not targets:
        raise BadInput(f"no part to adapt is named; there are {', '.join(accepted)}")
