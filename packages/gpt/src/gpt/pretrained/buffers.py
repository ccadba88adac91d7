"""Constants that some checkpoints store among their weights.

Older GPT-2 files store the causal mask of every layer, older Llama files the frequencies of the
rotary positions. Our model computes both, like transformers. transformers ignores the stored
values; we check that they are the usual ones first.
"""

import math

import torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.config import GPTConfig

MASK, MASKED_SCORE, FREQUENCIES = ".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq"


def is_constant_buffer(name: str, tensor: Tensor, config: GPTConfig) -> bool:
    """Whether a tensor is a constant that our model computes.

    Raises:
        BadInput: it is, but has another value than ours.
    """
    if name.endswith(MASK):
        size = math.isqrt(tensor.numel())
        expected = torch.ones(size, size).tril()
    elif name.endswith(MASKED_SCORE):
        expected = torch.tensor(-1e4)
    elif name.endswith(FREQUENCIES):
        pairs = torch.arange(0, config.d_head, 2) / config.d_head
        expected = config.rotary_base**-pairs
    else:
        return False
    if tensor.numel() == expected.numel():
        stored = tensor.float().reshape(expected.shape)
        if torch.allclose(stored, expected, rtol=1e-2):  # 16-bit formats round the frequencies
            return True
    raise BadInput(
        f"the checkpoint stores the constant {name!r} with another value than this model computes"
    )
