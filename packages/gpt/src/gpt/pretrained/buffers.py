"""Constants that some checkpoints hold among their weights.

Older files of GPT-2 hold the causal mask of every layer, older files of Llama the frequencies of
the rotary positions. Our model computes both. So does transformers, which drops what a file says
of them without a look; here they are dropped after a look.
"""

import math

import torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.config import GPTConfig

MASK, MASKED_SCORE, FREQUENCIES = ".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq"


def drop_constant_buffers(tensors: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """The tensors without those that only repeat a constant.

    Raises:
        BadInput: one of them has another value than the constant.
    """
    return {name: each for name, each in tensors.items() if not is_constant(name, each, config)}


def is_constant(name: str, tensor: Tensor, config: GPTConfig) -> bool:
    """Whether a tensor is one of these constants, seen to have its value."""
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
        given = tensor.float().reshape(expected.shape)
        if torch.allclose(given, expected, rtol=1e-2):  # half formats round the frequencies
            return True
    raise BadInput(f"the checkpoint has the constant {name!r} with another value than usual")
