r"""Nearest neighbours of an embedding: the tokens that a model treats most like a given one.

cos(a, b) = e_a . e_b / (|e_a| |e_b|)

The rows of the table start at random, so whatever is near after training was learned from text:
tokens that occur in similar places (Mikolov et al. 2013, "Linguistic Regularities in Continuous
Space Word Representations", section 3).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput


class Neighbour(NamedTuple):
    """Another token, and the cosine of its embedding with that of the given token."""

    token: int
    cosine: float


@torch.no_grad()
def nearest_tokens(embeddings: Float[Tensor, "V D"], token: int, n: int = 10) -> list[Neighbour]:
    """Return the n other tokens with the largest cosine, the nearest first.

    Raises:
        BadInput: there is no such token, or there are not n others.
    """
    vocab_size = len(embeddings)
    if not 0 <= token < vocab_size:
        raise BadInput(f"token must lie between 0 and {vocab_size - 1}, got {token}")
    if not 1 <= n < vocab_size:
        raise BadInput(f"n must lie between 1 and the {vocab_size - 1} other tokens, got {n}")
    directions = F.normalize(embeddings, dim=-1)  # a row of zeros stays zero
    cosines = directions @ directions[token]
    cosines[token] = -torch.inf
    values, tokens = cosines.topk(n)
    return [Neighbour(*pair) for pair in zip(tokens.tolist(), values.tolist(), strict=True)]
