"""Attention among texts that share a row: a triangle for each, and nothing between them."""

import torch
from jaxtyping import Bool
from torch import Tensor

from gpt.model.attention import causal_mask


def packed_mask(lengths: list[int]) -> Bool[Tensor, "T T"]:
    """The causal mask, where both tokens belong to the same text."""
    text = torch.repeat_interleave(torch.tensor(lengths))  # 0 0 0 1 1 2 ...
    return causal_mask(len(text), len(text)) & (text[:, None] == text)
