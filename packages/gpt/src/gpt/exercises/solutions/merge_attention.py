"""Attention over two sets of keys, from the results of each."""

from jaxtyping import Float
from torch import Tensor


def merge_attention(
    output_1: Float[Tensor, "T K"],
    log_divisor_1: Float[Tensor, "T 1"],
    output_2: Float[Tensor, "T K"],
    log_divisor_2: Float[Tensor, "T 1"],
) -> tuple[Float[Tensor, "T K"], Float[Tensor, "T 1"]]:
    """Weight each output by its part of the common divisor; no exponential exceeds 1."""
    log_divisor = log_divisor_1.logaddexp(log_divisor_2)
    weight_1, weight_2 = (log_divisor_1 - log_divisor).exp(), (log_divisor_2 - log_divisor).exp()
    return weight_1 * output_1 + weight_2 * output_2, log_divisor
