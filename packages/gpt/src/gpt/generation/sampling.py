r"""Sampling: from the logits of all tokens to one token.

Higher temperatures make unlikely tokens more likely, lower ones less. Top-k and top-p cut off the
long tail of unlikely tokens, which together would be drawn too often.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput


def keep_top_k(logits: Float[Tensor, "B V"], k: int) -> Float[Tensor, "B V"]:
    """Set logits below the k-th highest to minus infinity (Fan et al. 2018)."""
    lowest_kept = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < lowest_kept, -torch.inf)


def keep_top_p(logits: Float[Tensor, "B V"], p: float) -> Float[Tensor, "B V"]:
    """Keep the most likely tokens until their probabilities reach p; set the rest to -infinity.

    Nucleus sampling (Holtzman et al. 2020, section 3.1). The token that crosses p is kept, so at
    least one always is.
    """
    ordered, order = logits.sort(descending=True)
    probabilities = ordered.softmax(dim=-1)
    likelier_tokens = probabilities.cumsum(dim=-1) - probabilities  # their total probability
    beyond = likelier_tokens >= p
    dropped = torch.empty_like(beyond).scatter(-1, order, beyond)  # by id instead of by rank
    return logits.masked_fill(dropped, -torch.inf)


def greedy_token(logits: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
    """Pick the most likely token: greedy decoding. The first of several is taken."""
    return logits.argmax(dim=-1)


def sample_token(
    logits: Float[Tensor, "B V"],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, " B"]:
    """Draw a token from softmax(logits / temperature), filtered by top-k and then top-p.

    Temperature 0 is `greedy_token`.

    Raises:
        BadInput: temperature below 0, top_k below 1, or top_p outside (0, 1].
    """
    check_sampling_settings(temperature, top_k, top_p)
    if temperature == 0:
        return greedy_token(logits)
    probabilities = token_probabilities(logits, temperature, top_k, top_p)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def token_probabilities(
    logits: Float[Tensor, "B V"],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Float[Tensor, "B V"]:
    """Return the distribution that `sample_token` draws from; at temperature 0, a single token."""
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(dim=-1, keepdim=True), 1)
    # the highest logit becomes 0 and the others negative, so a low temperature cannot overflow to
    # +infinity; fp32 would round the lowest ones to 0, and 0 / 0 is NaN
    scaled = (logits - logits.amax(dim=-1, keepdim=True)) / max(temperature, 1e-30)
    if top_k is not None:
        scaled = keep_top_k(scaled, top_k)
    if top_p is not None:
        scaled = keep_top_p(scaled, top_p)
    return scaled.softmax(dim=-1)


def check_sampling_settings(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise BadInput for settings that leave no token to choose from."""
    if not 0 <= temperature < float("inf"):
        raise BadInput(f"temperature must be a number from 0 up, got {temperature}")
    if top_k is not None and top_k < 1:
        raise BadInput(f"top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise BadInput(f"top_p must lie in (0, 1], got {top_p}")
