"""Attention among texts that share a row: a triangle per text, and nothing between texts."""

import torch
from jaxtyping import Bool
from torch import Tensor

from gpt.model.attention import causal_mask


def packed_mask(lengths: list[int]) -> Bool[Tensor, "T T"]:
    """Restrict the causal mask to tokens of the same text."""
    text = torch.repeat_interleave(torch.tensor(lengths))  # 0 0 0 1 1 2 ...
    return causal_mask(len(text), len(text)) & (text[:, None] == text)
