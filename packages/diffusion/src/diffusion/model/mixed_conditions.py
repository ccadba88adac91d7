"""Conditions between two captions, to see what a model draws there.

    c = (1 - w) c_first + w c_second,    for the vector of the caption and for the words

A mixture is not a caption, so it has no ids of words. The conditions are computed once and kept in
a table, and the id of a mixture is the number of its row.
"""

import copy
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from diffusion.model.conditions import Condition
from diffusion.model.flow_model import FlowModel
from gpt.errors import BadInput


def mix_conditions(first: Condition, second: Condition, weight: float) -> Condition:
    """Mix the vectors, and the words at equal positions; weight 0 is the first, 1 the second.

    If one caption is longer, its further words are kept while its weight is larger, because the
    padding of the other has no words to mix them with.
    """
    is_first = weight < 0.5
    mixed = (first if is_first else second)._replace(
        vector=torch.lerp(first.vector, second.vector, weight)
    )
    if first.words is None or second.words is None or first.mask is None or second.mask is None:
        return mixed
    in_both = rearrange(first.mask & second.mask, "B 1 1 T -> B T 1")
    words = torch.lerp(first.words, second.words, weight)
    return mixed._replace(
        words=torch.where(in_both, words, first.words if is_first else second.words)
    )


class ConditionTable(nn.Module):
    """Conditions that were computed before, one per row; the last row is the null condition."""

    null: Int[Tensor, " T"]

    def __init__(
        self,
        vectors: Float[Tensor, "N D"],
        words: Float[Tensor, "N T D"],
        masks: Bool[Tensor, "N 1 1 T"],
    ) -> None:
        super().__init__()
        self.vectors, self.words, self.masks = vectors, words, masks
        self.register_buffer("null", torch.tensor([len(vectors) - 1]), persistent=False)

    def forward(self, ids: Int[Tensor, "B 1"]) -> Condition:
        """Look up the condition of each row."""
        rows = ids[:, 0]
        return Condition(self.vectors[rows], self.words[rows], self.masks[rows])


@torch.no_grad()
def mix_captions(flow: FlowModel, captions: Int[Tensor, "2 T"], n_mixtures: int) -> FlowModel:
    """Return a copy of a model whose conditions 0, 1, ... lead from one caption to another.

    Condition 0 is the first caption, and condition n_mixtures - 1 is the second.

    Raises:
        BadInput: n_mixtures is below 3, so that nothing lies between the captions.
    """
    if n_mixtures < 3:
        raise BadInput(f"n_mixtures must be at least 3, got {n_mixtures}")
    mixed: Any = copy.deepcopy(flow)
    ids = torch.cat([captions.to(flow.null.device), flow.null[None]])
    first, second, null = (mixed.network.condition(row) for row in ids.split(1))
    weights = torch.linspace(0, 1, n_mixtures).tolist()
    rows = [*(mix_conditions(first, second, weight) for weight in weights), null]
    mixed.network.condition = ConditionTable(*map(torch.cat, zip(*rows, strict=True)))
    return mixed
