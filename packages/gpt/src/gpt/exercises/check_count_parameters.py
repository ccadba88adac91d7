"""Is the count right for models of every kind?"""

from collections.abc import Callable
from dataclasses import replace

import torch

from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.model.presets import find_preset


def check(count_parameters: Callable[[GPTConfig], int]) -> None:
    """Check GPT-2 small, then a small config with one setting after the other changed."""
    yours = count_parameters(find_preset("gpt2"))
    assert yours == 124_439_808, f"GPT-2 small has 124,439,808 parameters, not {yours:,}"

    plain = GPTConfig(vocab_size=50, context=16, n_layers=2, n_heads=4, d_model=16, d_ff=24)
    changes = [
        {},
        {"positions": "learned"},
        {"positions": "t5"},
        {"n_kv_heads": 2},
        {"head_width": 6, "attention_bias": True},
        {"feed_forward": "swiglu"},
        {"feed_forward": "geglu", "ff_bias": False},
        {"norm_kind": "rms"},
        {"norm": "post"},
        {"tied_head": False},
        {"head_bias": True},
    ]
    for change in changes:
        config = replace(plain, **change)
        with torch.device("meta"):
            right = GPT(config).n_parameters()
        yours = count_parameters(config)
        assert yours == right, f"with {change or 'the defaults'} it is {right:,}, not {yours:,}"
