"""Exercise of the chapter on longer texts: join the results of two processors."""

from jaxtyping import Float
from torch import Tensor


def merge_attention(
    output_1: Float[Tensor, "T K"],
    log_divisor_1: Float[Tensor, "T 1"],
    output_2: Float[Tensor, "T K"],
    log_divisor_2: Float[Tensor, "T 1"],
) -> tuple[Float[Tensor, "T K"], Float[Tensor, "T 1"]]:
    """Return output and log divisor of queries whose keys were divided among two processors.

    Each processor returns the softmax-weighted mean of its own values, and for each query the
    logarithm of the divisor of its softmax, log(sum of exp(score)).
    """
    raise NotImplementedError
