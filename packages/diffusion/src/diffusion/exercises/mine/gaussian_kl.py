"""Exercise of the chapter on autoencoders: the KL between any two normal distributions."""

from jaxtyping import Float
from torch import Tensor


def gaussian_kl(
    mean: Float[Tensor, " N"],
    log_variance: Float[Tensor, " N"],
    prior_mean: Float[Tensor, " N"],
    prior_log_variance: Float[Tensor, " N"],
) -> Float[Tensor, " N"]:
    """Return KL(q || p) in nats, for each pair of normal distributions q and p of one number.

    Args:
        mean: the mean of q.
        log_variance: the natural logarithm of the variance of q.
        prior_mean: the mean of p.
        prior_log_variance: the natural logarithm of the variance of p.

    Shift and stretch both, so that p becomes the standard normal distribution. That changes no KL,
    and for this case the chapter has the formula.
    """
    raise NotImplementedError
