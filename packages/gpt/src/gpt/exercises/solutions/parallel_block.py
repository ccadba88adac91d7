"""Both halves at once (Wang and Komatsuzaki 2021, GPT-J; Chowdhery et al. 2022, PaLM)."""

from collections.abc import Callable

from torch import Tensor


def parallel_block(
    x: Tensor,
    norm: Callable[[Tensor], Tensor],
    attention: Callable[[Tensor], Tensor],
    mlp: Callable[[Tensor], Tensor],
) -> Tensor:
    """Normalise once, and add the outputs of both halves."""
    normalised = norm(x)
    return x + attention(normalised) + mlp(normalised)
