"""Rows that compare our model with itself: with and without int8 weights, and checkpointing."""

import copy
import sys
from functools import partial

import torch

from gpt.comparison.memory import memory_row, peak_memory_bytes
from gpt.comparison.rows import ComparisonRow, max_abs_difference, time_interleaved
from gpt.comparison.speed import SMOLLM2_PROMPT, our_step
from gpt.generation.generate import generate, last_logits
from gpt.generation.sampling import greedy_token
from gpt.model.checkpointing import checkpoint_blocks
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

N_TOKENS = 24


def int8_decoding_row(floor: float) -> ComparisonRow:
    """Compare 24 tokens of SmolLM2 with 8 bits per weight and with 32.

    The texts may differ. What has to be equal are the logits of our kernel and of the plain layer
    with the same integers, up to the rounding of the kernel to bf16.
    """
    from gpt.pretrained.loading import load_pretrained
    from gpt.quantisation.fast_linear import use_fast_products
    from gpt.quantisation.linear import quantise_model

    model, tokenizer = load_pretrained("smollm2")
    plain = quantise_model(copy.deepcopy(model), bits=8)
    fast = use_fast_products(copy.deepcopy(plain))
    prompt = tokenizer.encode(SMOLLM2_PROMPT)
    tokens = torch.tensor([prompt])
    logits = [last_logits(each, tokens, each.cache(1, len(prompt))) for each in (fast, plain)]
    ours, fp32 = (partial(continue_prompt, each, prompt) for each in (fast, model))
    return ComparisonRow(
        f"SmolLM2, {N_TOKENS} tokens, batch 1, int8 weights",
        "ours in fp32",
        max_abs_difference(*logits),
        0.5,  # as in the rows of bf16: logits reach 30
        *time_interleaved(ours, fp32),
        floor,
    )


def continue_prompt(model: GPT, prompt: list[int]) -> list[int]:
    """Continue the prompt by greedy decoding."""
    return list(generate(model, prompt, N_TOKENS, greedy_token))


def checkpointing_row() -> ComparisonRow:
    """Compare the peak memory of a training step of 12 layers with and without checkpointing."""
    name = "peak memory of a training step, 12 layers of width 256, 8 x 256, checkpointed"
    return memory_row(name, "ours without", "gpt.comparison.smaller", allowed=0.6)


def print_checkpointing_peak(side: str) -> None:
    """Print the peak memory of two steps; `ours` is checkpointed, `library` is not."""
    before = peak_memory_bytes()
    model = GPT(GPTConfig(1024, 256, n_layers=12, n_heads=4, d_model=256, d_ff=1024))
    if side == "ours":
        checkpoint_blocks(model)
    step = our_step(model, torch.randint(0, 1024, (8, 257)), compiled=False)
    for _ in range(2):
        step()
    print(peak_memory_bytes() - before)


if __name__ == "__main__":
    print_checkpointing_peak(sys.argv[1])
