"""The cross-entropy of the next tokens, in nats, and its gradient at the logits."""

from collections.abc import Callable

import numpy as np

from handcalc.arrays.attention import Mask
from handcalc.arrays.layers import Array, Tokens


def cross_entropy(logits: Array, targets: Tokens, keep: Mask) -> tuple[float, Callable[[], Array]]:
    """Return the mean of -ln p[target] over the n kept positions, with p = softmax(logits).

    Logits are B T V, targets and `keep` B T. A target that is not kept may have any id. The
    backward pass starts here, so `back` takes no gradient.

    Raises:
        ValueError: no target is kept.
    """
    n = keep.sum()
    if n == 0:
        raise ValueError(f"none of {keep.size} targets is kept, so there is nothing to learn from")
    shifted = logits - logits.max(axis=-1, keepdims=True)  # so that no power overflows
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets] * keep[..., None]
    # logits.grad = (p - y) / n where kept, y = 1 at the target and else 0
    return -(y * log_p).sum() / n, lambda: (np.exp(log_p) * keep[..., None] - y) / n
