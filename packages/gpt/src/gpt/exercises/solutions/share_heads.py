"""One set of keys for several queries (Ainslie et al. 2023, section 2.2)."""

from einops import repeat
from jaxtyping import Float
from torch import Tensor


def share_heads(x: Float[Tensor, "B J S K"], n_heads: int) -> Float[Tensor, "B H S K"]:
    """Repeat each key-value head for all query heads of its group."""
    return repeat(x, "B J S K -> B (J group) S K", group=n_heads // x.shape[1])
