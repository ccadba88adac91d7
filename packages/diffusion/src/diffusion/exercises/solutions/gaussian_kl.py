"""The KL between normal distributions: shift and stretch both until one is standard normal."""

from jaxtyping import Float
from torch import Tensor


def gaussian_kl(
    mean: Float[Tensor, " N"],
    log_variance: Float[Tensor, " N"],
    prior_mean: Float[Tensor, " N"],
    prior_log_variance: Float[Tensor, " N"],
) -> Float[Tensor, " N"]:
    """Return 1/2 (mean^2 + variance - 1 - log variance), in units of p."""
    shifted = (mean - prior_mean) / (prior_log_variance / 2).exp()
    log_ratio = log_variance - prior_log_variance
    return (shifted.square() + log_ratio.exp() - 1 - log_ratio) / 2
