"""Rows of a batch that the model need not read: copies of a prompt, and texts that have ended.

Groups of samples share a prompt, and most texts end long before the longest does, so both save a
large share of the work.
"""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

MIN_FINISHED_SHARE = 0.25
"""Share of the rows that must have finished before they are dropped, which copies the cache."""


def distinct_prompts(prompts: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[int]]:
    """Return each different prompt once, and for each prompt its index in that list."""
    numbers: dict[tuple[int, ...], int] = {}
    copies = [numbers.setdefault(tuple(prompt), len(numbers)) for prompt in prompts]
    return list(map(list, numbers)), copies


def fill_rows(
    logits: Float[Tensor, "R V"], rows: Int[Tensor, " R"], n_rows: int
) -> Float[Tensor, "B V"]:
    """Return logits for all rows of the batch, with zeros for the rows that have left.

    A sampler then draws as many random numbers as if no row had left, so the tokens that a seed
    gives to one row do not depend on when the other rows end.
    """
    if len(rows) == n_rows:
        return logits
    return logits.new_zeros(n_rows, logits.shape[1]).index_copy(0, rows, logits)
