"""Sequences of unequal lengths in one batch: padding on the right, and a mask of real tokens."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gpt.errors import BadInput


class PaddedTokens(NamedTuple):
    """Sequences as the rows of one tensor."""

    tokens: Int[Tensor, "B T"]
    kept: Bool[Tensor, "B T"]
    """True on real tokens, False on padding."""


def pad_sequences(sequences: Sequence[Sequence[int]], context: int) -> PaddedTokens:
    """Return the sequences as one batch, as wide as the longest; the id of padding is 0.

    Raises:
        BadInput: there is no sequence, one is empty, or one is longer than the context.
    """
    if not sequences:
        raise BadInput("a batch needs at least one sequence, got none")
    for row, sequence in enumerate(sequences):
        if not 0 < len(sequence) <= context:
            raise BadInput(
                f"sequence {row} has {len(sequence)} tokens; it must have between 1 and {context}"
            )
    width = max(map(len, sequences))
    tokens = [[*sequence, *[0] * (width - len(sequence))] for sequence in sequences]
    kept = [[position < len(sequence) for position in range(width)] for sequence in sequences]
    return PaddedTokens(torch.tensor(tokens), torch.tensor(kept))
