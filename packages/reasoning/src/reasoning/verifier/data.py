r"""Labelled rows of a verifier, and their loss.

::

    24 : 4 7 9 11 think  11 + 9 = 20 ;  20 + 4 = 24 ;  24 - 7 = 17 ;
    process           ^              ^              ^              ^    outcome, 3 soft labels
    outcome                                                        ^    outcome

The process model learns the soft label of each step at its `;`. At the end of the prompt, before
any move, its label is the outcome of the attempt itself, which is one rollout at no further cost.
The outcome model learns only the outcome, at the last `;`. With hard labels, a process
model learns whether any rollout won, which is closer to V* than to V^pi.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.training.accumulation import LossSum
from reasoning.start.traces import STEP_END
from reasoning.tasks.vocabulary import TOKENIZER
from reasoning.verifier.attempts import Attempt
from reasoning.verifier.labels import StepLabels

VerifierKind = Literal["process", "outcome"]
LabelEstimate = Literal["soft", "hard"]
[STEP_END_TOKEN] = TOKENIZER.encode(STEP_END)


class LabelledRows(NamedTuple):
    """A batch of attempts with labels; padding on the right, which no earlier token can see."""

    tokens: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    """True on the positions that have a label."""
    labels: Float[Tensor, "B T"]

    def to(self, device: torch.device) -> "LabelledRows":
        """Return the batch on a device."""
        return LabelledRows(*(each.to(device) for each in self))


def label_ends(attempt: Attempt) -> list[int]:
    """Return the positions that have a label: the end of the prompt, and the `;` of each step."""
    n_prompt = len(attempt.prefix(0).tokens())
    ends = [i for i, token in enumerate(attempt.tokens()) if token == STEP_END_TOKEN]
    return [n_prompt - 1, *ends]


def label_rows(
    items: Sequence[StepLabels], kind: VerifierKind, estimate: LabelEstimate = "soft"
) -> LabelledRows:
    """Return attempts as one batch, each label at the token that ends its step."""
    texts = [item.attempt.tokens() for item in items]
    tokens = torch.zeros(len(items), max(map(len, texts)), dtype=torch.long)
    mask, labels = torch.zeros_like(tokens, dtype=torch.bool), torch.zeros(tokens.shape)
    for row, (item, text) in enumerate(zip(items, texts, strict=True)):
        outcome = float(item.attempt.wins)
        step_labels = item.soft if estimate == "soft" else map(float, item.hard)
        ends, targets = label_ends(item.attempt), [outcome, *step_labels]
        if kind == "outcome":
            ends, targets = ends[-1:], [outcome]
        tokens[row, : len(text)] = torch.tensor(text)
        mask[row, ends] = True
        labels[row, ends] = torch.tensor(targets)
    return LabelledRows(tokens, mask, labels)


def verifier_loss(model: Any, rows: LabelledRows) -> LossSum:
    r"""Sum the binary cross-entropy of the labels, in nats, and count them.

    loss = -y ln p - (1 - y) ln(1 - p)    (Wang et al. 2023, eq. 1, with a soft y)

    The mean is lowest where p is the mean label, so a process model estimates V^pi.
    """
    logits, labels = model(rows.tokens)[rows.mask], rows.labels[rows.mask]
    total = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    return LossSum(total, len(labels))
