"""Teacher forcing: the decoder reads the right target, shifted by one, and predicts every token.

Williams and Zipser 1989. In training the target is known, so all of its positions are computed in
one pass: the input is the target shifted right, with a begin token in front. When it generates, the
model reads its own output instead, with mistakes that it has never seen in training.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Bool, Int
from torch import Tensor, nn

from gpt.architectures.padding import pad_sequences
from gpt.training.accumulation import LossSum

TokenPair = tuple[list[int], list[int]]
"""Token ids of a source and of its target, without begin and end tokens."""


class PairBatch(NamedTuple):
    """Sources, and their targets shifted right and not shifted."""

    source: Int[Tensor, "B S"]
    source_kept: Bool[Tensor, "B S"]
    """True on real tokens, False on padding."""
    inputs: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    target_kept: Bool[Tensor, "B T"]


def make_pair_batch(
    pairs: Sequence[TokenPair], begin_token: int, end_token: int, context: int
) -> PairBatch:
    """Return the pairs as one batch: the decoder reads `begin a b` and predicts `a b end`.

    Raises:
        BadInput: there is no pair, a source is empty, or a source or target is too long.
    """
    source, source_kept = pad_sequences([source for source, _ in pairs], context)
    inputs, kept = pad_sequences([[begin_token, *target] for _, target in pairs], context)
    targets, _ = pad_sequences([[*target, end_token] for _, target in pairs], context)
    return PairBatch(source, source_kept, inputs, targets, kept)


def teacher_forcing_loss(model: nn.Module, batch: PairBatch) -> LossSum:
    """Return the summed cross-entropy of the target tokens, end tokens included, in nats."""
    return LossSum(model(*batch), int(batch.target_kept.sum()))
