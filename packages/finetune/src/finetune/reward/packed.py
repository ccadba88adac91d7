"""The stream of a model where it is asked for, with the padding left out on the way there.

Answers differ in length, so a third of a batch and more is padding. On a CPU its cost is that of
real text; a packed row has none.
"""

from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.device import is_eager_cpu
from gpt.model.fast.packing import SelectUniqueRows, packing_from_mask
from gpt.model.gpt import GPT

MAX_REAL_SHARE = 0.9
"""The largest share of real positions at which packing gains more than it takes."""


def hidden_at(
    model: GPT, tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "N D"]:
    """The stream after the last block at the wanted positions, row by row.

    What comes after the last wanted position of a row is padding or might as well be: no position
    sees those behind it.
    """
    real = wanted.flip(1).cumsum(1).flip(1) > 0
    alibi = model.config.positions == "alibi"  # its bias belongs to a block
    if (
        alibi
        or not is_eager_cpu(model.embedding.weight)
        or real.sum() > MAX_REAL_SHARE * real.numel()
    ):
        return select_rows(model.hidden(tokens).flatten(0, 1), wanted.flatten())
    layout = packing_from_mask(real)
    x = model.embedding(tokens[real][None])
    x = model.dropout(model.positions(x, layout.positions))
    rotate = model.rotation(layout.positions, x)
    for block in model.blocks:
        x = block(x, rotate, layout)
    return select_rows(model.final_norm(x)[0], wanted[real])


def select_rows(x: Float[Tensor, "M D"], wanted: Bool[Tensor, " M"]) -> Float[Tensor, "N D"]:
    """The wanted rows."""
    rows: Any = SelectUniqueRows.apply(x, wanted.nonzero()[:, 0])
    return rows
