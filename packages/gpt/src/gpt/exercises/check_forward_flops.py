"""Does the cost agree with torch's count?"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT


def check(forward_flops: Callable[[GPTConfig, int], int]) -> None:
    """Check a config to work out with a pencil, then others against torch's counter."""
    plain = GPTConfig(vocab_size=10, n_layers=1, n_heads=2, d_model=4, d_ff=8)
    yours = forward_flops(plain, 3)
    # matrices 2 3 (4 16 + 2 32 + 40) = 1008, attention 4 9 4 = 144
    assert yours == 1152, f"by hand it is 1152, not {yours}"

    changes = [
        {},
        {"n_kv_heads": 1},
        {"feed_forward": "swiglu"},
        {"head_width": 6},
        {"n_layers": 3},
    ]
    for change in changes:
        config = replace(plain, **change)
        with torch.device("meta"):
            model, tokens = GPT(config), torch.zeros(1, 5, dtype=torch.long)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(tokens)
        right, yours = counter.get_total_flops(), forward_flops(config, 5)
        assert yours == right, f"with {change or 'the defaults'} it is {right}, not {yours}"
