"""Labels and captions as vectors.

A condition is a row of ids: one id for a label, several for a caption. The null condition is
learned like any other and makes guidance possible. Its ids are the id after the last label, or a
caption of padding only.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Condition(NamedTuple):
    """A condition as vectors, which the blocks of a network use."""

    vector: Float[Tensor, "B D"]
    """Added to the embedding of the time, for the modulation."""
    words: Float[Tensor, "B T D"] | None = None
    """A vector per word of the caption, for cross-attention."""
    mask: Bool[Tensor, "B 1 1 T"] | None = None
    """True for words, False for padding."""


class NoCondition(nn.Module):
    """The condition of an unconditional model: no ids, and a vector of zeros."""

    null: Int[Tensor, " T"]

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.d_model = d_model
        self.register_buffer("null", torch.zeros(0, dtype=torch.long), persistent=False)

    def forward(self, ids: Int[Tensor, "B 0"]) -> Condition:
        """Return a vector of zeros per row, and no words."""
        return Condition(torch.zeros(len(ids), self.d_model, device=ids.device))


class LabelCondition(nn.Module):
    """A vector per label; the last row of the table is the null condition."""

    null: Int[Tensor, " T"]

    def __init__(self, n_labels: int, d_model: int) -> None:
        super().__init__()
        self.table = nn.Embedding(n_labels + 1, d_model)
        nn.init.normal_(self.table.weight, std=0.02)
        self.register_buffer("null", torch.tensor([n_labels]), persistent=False)

    def forward(self, ids: Int[Tensor, "B 1"]) -> Condition:
        """Look up the vector of each label."""
        return Condition(self.table(ids[:, 0]))


class CaptionCondition(nn.Module):
    """The words of a caption and a vector of the whole caption, from a caption encoder.

    The encoder returns a state per word and a vector of the caption, as CLIP's text tower does.
    """

    null: Int[Tensor, " T"]

    def __init__(
        self, encoder: nn.Module, d_state: int, d_caption: int, context: int, d_model: int
    ):
        super().__init__()
        self.encoder = encoder
        self.words, self.caption = nn.Linear(d_state, d_model), nn.Linear(d_caption, d_model)
        self.null_words = nn.Parameter(0.02 * torch.randn(context, d_model))
        self.null_caption = nn.Parameter(0.02 * torch.randn(d_model))
        self.register_buffer("null", torch.zeros(context, dtype=torch.long), persistent=False)

    def freeze_words(self) -> None:
        """Exclude the weights of the words from training, for a network without cross-attention.

        There they get no gradient, and training in several processes waits for every gradient.
        """
        self.words.requires_grad_(False)
        self.null_words.requires_grad_(False)

    def forward(self, ids: Int[Tensor, "B T"]) -> Condition:
        """Encode each caption; for padding only, return the learned null condition."""
        is_null = (ids == 0).all(dim=1)
        states, captions = self.encoder(ids)
        vector = torch.where(is_null[:, None], self.null_caption, self.caption(captions))
        words = torch.where(is_null[:, None, None], self.null_words, self.words(states))
        mask = (ids != 0) | is_null[:, None]
        return Condition(vector, words, mask[:, None, None])
