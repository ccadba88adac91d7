"""Sequence classification: one vector for a row, from those of its tokens, and a linear map."""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.architectures.encoder import Encoder, initialise_matrices
from gpt.training.accumulation import LossSum

Pooling = Callable[[Float[Tensor, "B T D"], Bool[Tensor, "B T"]], Float[Tensor, "B D"]]
"""Combines the hidden states of the kept tokens of each row."""


def mean_pooling(x: Float[Tensor, "B T D"], kept: Bool[Tensor, "B T"]) -> Float[Tensor, "B D"]:
    """Return the mean of the vectors of each row's real tokens (Reimers and Gurevych 2019)."""
    weights = kept.to(x.dtype) / kept.sum(dim=1, keepdim=True)
    return (x * weights[..., None]).sum(dim=1)


def first_token_pooling(
    x: Float[Tensor, "B T D"], kept: Bool[Tensor, "B T"]
) -> Float[Tensor, "B D"]:
    """Return the vector of each row's first token, which BERT calls [CLS]; it attends to all."""
    return x[:, 0]


class LabelledBatch(NamedTuple):
    """Rows of tokens, and the class of each row."""

    tokens: Int[Tensor, "B T"]
    kept: Bool[Tensor, "B T"]
    """True on real tokens, False on padding."""
    labels: Int[Tensor, " B"]


class SequenceClassifier(nn.Module):
    """An encoder, pooling, and a score for each class."""

    def __init__(self, encoder: Encoder, pooling: Pooling, n_classes: int) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.head = nn.Linear(encoder.config.d_model, n_classes)
        initialise_matrices(self.head)

    def forward(
        self, tokens: Int[Tensor, "B T"], kept: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B V"]:
        """Return the logits of the classes; V is their number."""
        return self.head(self.pooling(self.encoder(tokens, kept), kept))


def classification_loss(model: nn.Module, batch: LabelledBatch) -> LossSum:
    """Return the summed cross-entropy of the labels, in nats."""
    logits = model(batch.tokens, batch.kept)
    return LossSum(F.cross_entropy(logits, batch.labels, reduction="sum"), len(batch.labels))
