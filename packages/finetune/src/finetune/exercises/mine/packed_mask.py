"""Exercise of the chapter on fine-tuning: several texts in one row that do not see each other."""

from jaxtyping import Bool
from torch import Tensor


def packed_mask(lengths: list[int]) -> Bool[Tensor, "T T"]:
    """Return True where a token (row) may attend to a token (column), with the texts end to end."""
    raise NotImplementedError
