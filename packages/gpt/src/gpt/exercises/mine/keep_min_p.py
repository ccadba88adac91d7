"""Exercise of the chapter on generation: a filter that depends on the most likely token."""

from jaxtyping import Float
from torch import Tensor


def keep_min_p(logits: Float[Tensor, "B V"], p: float) -> Float[Tensor, "B V"]:
    """Set tokens to minus infinity if they are less than p times as likely as the row's best."""
    raise NotImplementedError
