"""Residual stream of a model at selected positions, computed without the padding.

Answers differ in length, so a third of a batch or more is padding. On a CPU padding costs as much
as real text; packing all rows into one avoids it.
"""

from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.device import is_eager_cpu
from gpt.model.fast.packing import Packing, SelectUniqueRows
from gpt.model.gpt import GPT

MAX_REAL_SHARE = 0.9
"""Share of real positions up to which packing is faster than padding."""


def hidden_at(
    model: GPT, tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "N D"]:
    """Return the normalised output of the last block at the wanted positions, row by row.

    Packed means that the rows stand behind one another in a single row, without padding.

    Tokens after the last wanted position of a row are treated as padding, because no earlier
    position attends to them.
    """
    real = wanted.flip(1).cumsum(1).flip(1) > 0
    if (
        model.distance_bias is not None  # a bias belongs to a block
        or not is_eager_cpu(model.embedding.weight)
        or real.sum() > MAX_REAL_SHARE * real.numel()
    ):
        x, wanted = model.hidden(tokens).flatten(0, 1), wanted.flatten()
    else:  # all rows behind one another, as one text in which they do not see each other
        layout = Packing(real.flatten().nonzero()[:, 0], *real.shape)
        x = model.embedding(tokens[real][None])
        if model.positions is not None:
            x = model.positions(x, layout.positions)
        x = model.dropout(x)
        rotate = None if model.rotation is None else model.rotation(layout.positions, x)
        for block in model.blocks:
            x = block(x, rotate, layout)
        x, wanted = model.final_norm(x)[0], wanted[real]
    rows: Any = SelectUniqueRows.apply(x, wanted.nonzero()[:, 0])  # gradients need no sum
    return rows
