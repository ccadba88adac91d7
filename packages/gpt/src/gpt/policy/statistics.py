"""Statistics over the answer tokens of a batch, whichever answer they belong to.

Rows are B answers, padded to U tokens, and masks are True on the answer. Padding is ignored and
gets zeros. A mean over all tokens gives a long answer more weight than a short one.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput


def masked_mean(x: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]) -> Float[Tensor, ""]:
    """Mean over all answer tokens of the batch, whichever answer they belong to."""
    return x.masked_fill(~mask, 0.0).sum() / count_answer_tokens(mask, at_least=1)


def whiten(
    x: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"], eps: float = 1e-8
) -> Float[Tensor, "B U"]:
    """Shift and scale to mean 0 and (unbiased) variance 1 over the answer tokens."""
    centred = (x - masked_mean(x, mask)).masked_fill(~mask, 0.0)
    variance = (centred**2).sum() / (count_answer_tokens(mask, at_least=2) - 1)
    return centred / (variance + eps).sqrt()


def count_answer_tokens(mask: Bool[Tensor, "B U"], at_least: int) -> Int[Tensor, ""]:
    """Number of answer tokens.

    Raises:
        BadInput: fewer than the statistic needs.
    """
    n = mask.sum()
    if n < at_least:
        raise BadInput(
            f"{at_least} answer tokens are needed, a mask of {tuple(mask.shape)} has {n}"
        )
    return n


def entropy(log_p: Float[Tensor, "*N V"]) -> Float[Tensor, "*N"]:
    """Exact entropy in nats, -sum over v of p(v) log p(v); ln V for a uniform distribution."""
    return -(log_p.exp() * log_p).sum(dim=-1)
