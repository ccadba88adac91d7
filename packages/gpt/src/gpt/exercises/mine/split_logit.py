"""Exercise of the chapter on looking inside: a logit, divided among the parts of its row."""

from jaxtyping import Float
from torch import Tensor


def split_logit(
    parts: Float[Tensor, "N D"],
    gain: Float[Tensor, " D"],
    row: Float[Tensor, " D"],
    eps: float,
) -> Float[Tensor, " N"]:
    """Return what each part adds to row . rms_norm(sum of the parts, gain, eps).

    The model's final norm is an RMSNorm, `row` belongs to the token in the head, and the results
    must sum to the logit.
    """
    raise NotImplementedError
