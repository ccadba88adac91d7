"""Conditions between two captions, to see what a model draws there.

    c = (1 - w) c_first + w c_second,    for the vector of the caption and for the words

A mixture is no caption, so it has no ids. The conditions are computed once and kept in a table.
"""

import copy
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from diffusion.model.conditions import Condition
from diffusion.model.flow_model import FlowModel
from gpt.errors import BadInput


class ConditionTable(nn.Module):
    """Conditions that were computed before, an id being the number of a row.

    The last row is the null condition.
    """

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

    The first is the first caption, and the last, n_mixtures - 1, is the second.

    Raises:
        BadInput: the captions differ in their number of words, or there is no mixture between them.
    """
    lengths = (captions != 0).sum(dim=1).tolist()
    if lengths[0] != lengths[1]:
        raise BadInput(
            "captions are mixed word by word and need equally many words, got "
            f"{lengths[0] - 2} and {lengths[1] - 2}"
        )
    if n_mixtures < 3:
        raise BadInput(f"n_mixtures must be at least 3, got {n_mixtures}")
    mixed: Any = copy.deepcopy(flow)
    ids = torch.cat([captions.to(flow.null.device), flow.null[None]])
    vectors, words, masks = mixed.network.condition(ids)
    w = torch.linspace(0, 1, n_mixtures, device=vectors.device)
    mixed.network.condition = ConditionTable(
        torch.cat([torch.lerp(vectors[0], vectors[1], w[:, None]), vectors[2:]]),
        torch.cat([torch.lerp(words[0], words[1], w[:, None, None]), words[2:]]),
        masks[[0] * n_mixtures + [2]],
    )
    return mixed
