r"""Label smoothing: a cross-entropy whose target gives every token some probability.

q = (1 - epsilon) [k = target] + epsilon / V, loss = -sum_k q_k ln p_k    (Szegedy et al. 2016,
section 7)

With a one-hot target the loss only reaches 0 for infinite logits. Here the best p is q itself, so
the scores stay finite. Vaswani et al. 2017 (section 5.4) use epsilon = 0.1 and report a worse
perplexity but better translations.
"""

from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput


def smoothed_cross_entropy(
    logits: Float[Tensor, "N V"], targets: Int[Tensor, " N"], smoothing: float
) -> Float[Tensor, ""]:
    r"""Sum the cross-entropy of smoothed targets, in nats.

    loss = -(1 - epsilon) ln p_target - epsilon mean_k ln p_k

    Raises:
        BadInput: the smoothing does not lie in [0, 1).
    """
    if not 0 <= smoothing < 1:
        raise BadInput(f"label smoothing must lie in [0, 1), got {smoothing}")
    logprobs = logits.log_softmax(dim=-1)
    of_targets = logprobs.gather(-1, targets[:, None])
    return -(1 - smoothing) * of_targets.sum() - smoothing * logprobs.mean(dim=-1).sum()
