"""How surprised a model is by what comes next: cross-entropy, in nats."""

from collections.abc import Callable

import numpy as np

from handcalc.arrays.attention import Mask
from handcalc.arrays.layers import Array, Tokens


def cross_entropy(logits: Array, targets: Tokens, keep: Mask) -> tuple[float, Callable[[], Array]]:
    """The mean of -ln p[target] over the n positions that are kept, p = softmax(logits).

    Logits are B T V, targets and `keep` B T. Where a target is not kept, any id may stand. The way
    back begins here: the gradient of the loss at itself is 1.

    Raises:
        ValueError: no target is kept.
    """
    n = keep.sum()
    if n == 0:
        raise ValueError(f"none of {keep.size} targets is kept, so there is nothing to learn from")
    shifted = logits - logits.max(axis=-1, keepdims=True)  # so that no power overflows
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets] * keep[..., None]

    def back() -> Array:
        # logits.grad = (p - y) / n where kept, y = 1 at the target and else 0
        return (np.exp(log_p) * keep[..., None] - y) / n

    return -(y * log_p).sum() / n, back
