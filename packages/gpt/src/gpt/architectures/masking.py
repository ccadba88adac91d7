"""Masked language modelling: hide some tokens, and learn to fill them in from both sides.

Devlin et al. 2019, section 3.1 and appendix A.1. Of the tokens, 15 % are selected as targets. A
selected token is replaced by the mask token in 80 % of the cases, by a random token in 10 %, and
stays in 10 %. So the model cannot tell which of the visible tokens are right, and must compute a
useful vector at every position. Later tasks need that, because their texts have no mask tokens.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from gpt.architectures.padding import PaddedTokens
from gpt.errors import BadInput
from gpt.training.accumulation import LossSum


class MaskedBatch(NamedTuple):
    """Tokens, some of them hidden, and the tokens to predict."""

    tokens: Int[Tensor, "B T"]
    kept: Bool[Tensor, "B T"]
    """True on real tokens, False on padding."""
    selected: Bool[Tensor, "B T"]
    """True on the positions that the model has to predict."""
    targets: Int[Tensor, " N"]
    """The original tokens of these positions, row after row."""


def select_positions(
    maskable: Bool[Tensor, "B T"], probability: float, generator: torch.Generator
) -> Bool[Tensor, "B T"]:
    """Select a fraction of each row's maskable positions: their number rounded, but at least one.

    Raises:
        BadInput: the probability lies outside (0, 1), or a row has no maskable position.
    """
    if not 0 < probability < 1:
        raise BadInput(f"the mask probability must be between 0 and 1, got {probability}")
    n_maskable = maskable.sum(dim=1)
    if not bool(n_maskable.all()):
        row = int(n_maskable.argmin())
        raise BadInput(f"row {row} has no position that may be masked, so nothing can be learned")
    noise = torch.rand(maskable.shape, generator=generator, device=maskable.device)
    rank = noise.masked_fill(~maskable, 2.0).argsort(dim=1).argsort(dim=1)  # 0 = smallest noise
    n_selected = (probability * n_maskable).round().clamp(min=1)
    return rank < n_selected[:, None]


def mask_tokens(
    batch: PaddedTokens,
    mask_token: int,
    vocab_size: int,
    generator: torch.Generator,
    probability: float = 0.15,
    maskable: Bool[Tensor, "B T"] | None = None,
) -> MaskedBatch:
    """Select tokens and hide them: 80 % by the mask token, 10 % by a random one, 10 % not at all.

    Args:
        batch: the tokens, padded.
        mask_token: id of the mask token.
        vocab_size: random tokens are drawn from all ids below it.
        generator: draws the positions and the random tokens.
        probability: fraction of the tokens to select.
        maskable: positions that may be selected; default: all that are not padding.

    Raises:
        BadInput: the probability lies outside (0, 1), a row has no position that may be masked, or
            the mask token is not in the vocabulary.
    """
    if not 0 <= mask_token < vocab_size:
        raise BadInput(f"the mask token {mask_token} is not among the {vocab_size} tokens")
    tokens, kept = batch
    selected = select_positions(kept if maskable is None else maskable, probability, generator)
    draw = torch.rand(tokens.shape, generator=generator, device=tokens.device)
    random_tokens = torch.randint(
        vocab_size, tokens.shape, generator=generator, device=tokens.device
    )
    hidden = torch.where(draw < 0.8, mask_token, torch.where(draw < 0.9, random_tokens, tokens))
    return MaskedBatch(torch.where(selected, hidden, tokens), kept, selected, tokens[selected])


def masked_language_loss(model: nn.Module, batch: MaskedBatch) -> LossSum:
    """Return the summed cross-entropy of the selected tokens, in nats; the others do not count."""
    tokens, kept, selected, targets = batch
    return LossSum(model(tokens, kept, selected, targets), targets.numel())
