"""Exercise of the chapter on generation: a filter that follows the likeliest token."""

from jaxtyping import Float
from torch import Tensor


def keep_min_p(logits: Float[Tensor, "B V"], p: float) -> Float[Tensor, "B V"]:
    """Minus infinity for all tokens less than p times as likely as the likeliest of their row."""
    raise NotImplementedError
