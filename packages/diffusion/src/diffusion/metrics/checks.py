"""Checks of what the metrics compare: enough rows, equal widths, and finite numbers."""

from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput


def check_rows(minimum: int, **sets: Float[Tensor, "..."]) -> None:
    """Check that sets of rows can be compared; each set is named by its keyword.

    A NaN compares as False with every number, so it would silently count as far away, or as found.

    Raises:
        BadInput: a set has fewer than `minimum` rows, another width than the first set, or a number
            that is not finite.
    """
    (first, reference), *_ = sets.items()
    for name, rows in sets.items():
        if len(rows) < minimum:
            raise BadInput(f"{name} needs at least {minimum} rows, got {len(rows)}")
        if rows.shape[1:] != reference.shape[1:]:
            raise BadInput(
                f"{name} has rows of shape {list(rows.shape[1:])}, "
                f"but {first} has rows of shape {list(reference.shape[1:])}"
            )
        n_bad = int((~rows.isfinite()).sum())
        if n_bad:
            raise BadInput(
                f"{name} has {n_bad} numbers that are NaN or infinite, of {rows.numel()}"
            )
