"""Timed rows: a training step, prefill, decoding; each is also checked for equality.

Both sides have the same weights, threads and precision, and are timed in alternation.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from gpt.comparison.rows import ComparisonRow, count_unequal, max_abs_difference, time_interleaved
from gpt.generation.generate import generate, generate_batch, last_logits
from gpt.generation.sampling import greedy_token
from gpt.model.gpt import GPT
from gpt.training.optimizer import make_adamw

BATCHES = {"tiny": (12, 64), "small": (2, 512)}


def training_step_row(size: str, compiled: bool, floor: float | None) -> ComparisonRow:
    """Compare a training step with GPT2LMHeadModel and torch's AdamW, used in the usual way."""
    from gpt import baselines

    library, shape = baselines.gpt2_to_train(size), BATCHES[size]
    ours = baselines.to_our_model(library).train()
    rows, length = shape
    tokens = torch.randint(0, ours.config.vocab_size, (rows, length + 1))
    mine, theirs = our_step(ours, tokens, compiled), library_step(library, tokens, compiled)
    losses = torch.tensor([[mine(), theirs()] for _ in range(2)])
    largest = max_abs_difference(losses[:, 0], losses[:, 1])
    seconds = time_interleaved(mine, theirs, repeats=5 if size == "small" else 40)
    how = "compiled" if compiled else "eager"
    name = f"training step, GPT-2 {size} shape, {shape[0]} x {shape[1]}, {how}"
    return ComparisonRow(
        name, baselines.library_version("transformers"), largest, 1e-4, *seconds, floor
    )


def our_step(model: GPT, tokens: Int[Tensor, "B T"], compiled: bool) -> Callable[[], float]:
    """Return a training step of our GPT on these tokens."""
    forward: Any = torch.compile(model) if compiled else model
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    return our_stepper(model, lambda: forward(inputs, targets=targets) / targets.numel())


def our_stepper(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], float]:
    """Return a function that does one training step with the optimizer of the training loop."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = make_adamw(trained, 1e-4, (0.9, 0.999), 0.01)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"]
    return stepper(optimizer, loss)


def library_step(model: Any, tokens: Int[Tensor, "B T"], compiled: bool) -> Callable[[], float]:
    """Return a training step of the library's model, which is given the shifted targets."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    forward = torch.compile(model) if compiled else model
    inputs, targets = tokens[:, :-1], tokens[:, 1:].contiguous()
    return stepper(optimizer, lambda: forward(inputs, labels=targets, shift_labels=targets).loss)


def stepper(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> Callable[[], float]:
    """Return a function that does one training step and returns its loss."""

    def step() -> float:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.item()

    return step


def cache_row() -> ComparisonRow:
    """Compare 200 tokens at GPT-2 small shape with and without our cache."""
    from gpt import baselines

    ours = baselines.to_our_model(baselines.gpt2_to_train("small")).eval()
    prompt = [11, 22, 33]

    @torch.no_grad()
    def uncached() -> list[int]:
        tokens = list(prompt)
        for _ in range(200):
            hidden = ours.hidden(torch.tensor([tokens]))[:, -1:]
            tokens.append(int(ours.logits(hidden).argmax()))
        return tokens[len(prompt) :]

    return timed_text_row(
        "200 tokens, GPT-2 small shape, cached against uncached",
        "ours without the cache",
        lambda: list(generate(ours, prompt, 200, greedy_token)),
        uncached,
        5.0,
        repeats=3,
    )


def decoding_row(size: str, floor: float) -> ComparisonRow:
    """Compare 200 tokens after a short prompt with `generate` of transformers."""
    from gpt import baselines

    library = baselines.gpt2_to_train(size).eval()
    ours, prompt = baselines.to_our_model(library), [11, 22, 33, 44]
    return timed_text_row(
        f"200 tokens, GPT-2 {size} shape, batch 1",
        baselines.library_version("transformers"),
        lambda: list(generate(ours, prompt, 200, greedy_token)),
        lambda: baselines.generate_new_tokens(library, [prompt], 200)[0],
        floor,
    )


def timed_text_row(
    name: str,
    library: str,
    ours: Callable[[], list[Any]],
    theirs: Callable[[], list[Any]],
    floor: float,
    repeats: int = 5,
) -> ComparisonRow:
    """Time two functions that generate the same tokens; comparing the tokens is the warm-up."""
    wrong = count_unequal(ours(), theirs())
    return ComparisonRow(
        name, library, wrong, 0.0, *time_interleaved(ours, theirs, repeats, warmups=0), floor
    )


SMOLLM2_PROMPT = "The capital of France is"


def smollm2_prefill_row(batch_size: int, precision: str, floor: float) -> ComparisonRow:
    """Compare reading 256 tokens at once, up to the logits after the last token."""
    ours, library, prompt = load_smollm2_pair(precision)
    from gpt import baselines

    tokens = torch.tensor([(prompt * 60)[:256]] * batch_size)

    sides = (
        lambda: last_logits(ours, tokens, ours.cache(batch_size, 256)),
        lambda: library(tokens, use_cache=True, logits_to_keep=1).logits[:, 0],
    )
    with torch.no_grad():
        largest = max_abs_difference(*(side() for side in sides))
        seconds = time_interleaved(*sides, repeats=15 if batch_size == 1 else 5)
    name = f"SmolLM2, prefill of 256 tokens, batch {batch_size}, {precision}"
    tolerance = {"fp32": 2e-4, "bf16": 0.5}[precision]  # bf16 keeps 8 bits; logits reach 30
    version = baselines.library_version("transformers")
    return ComparisonRow(name, version, largest, tolerance, *seconds, floor)


def smollm2_decoding_row(batch_size: int, precision: str, floor: float) -> ComparisonRow:
    """Compare 24 tokens after a prompt; every weight has to be read from memory once per token.

    All rows have the same prompt of a few tokens. Ours reads it once, which saves nothing that can
    be measured: the first of 24 passes reads all weights in any case.
    """
    ours, library, prompt = load_smollm2_pair(precision)
    from gpt import baselines

    n_tokens, prompts = 24, [prompt] * batch_size
    row = timed_text_row(
        f"SmolLM2, 24 tokens, batch {batch_size}, {precision}",
        baselines.library_version("transformers"),
        lambda: generate_batch(ours, prompts, n_tokens, greedy_token),
        lambda: baselines.generate_new_tokens(library, prompts, n_tokens),
        floor,
    )
    weights = sum(parameter.nbytes for parameter in ours.parameters())
    bound = weights / read_bandwidth() * n_tokens
    fraction = bound / row.ours_s if row.ours_s else 0.0
    note = f"{fraction:.0%} of the speed at which memory delivers the weights"
    return replace(row, note=note)


def load_smollm2_pair(precision: str) -> tuple[GPT, Any, list[int]]:
    """Load SmolLM2 on both sides, and encode the prompt."""
    from gpt import baselines
    from gpt.pretrained.loading import DTYPES, load_pretrained
    from gpt.pretrained.smollm2 import smollm2_folder

    ours, tokenizer = load_pretrained("smollm2", precision=precision)
    library, _ = baselines.load_library_model(smollm2_folder(), DTYPES[precision])
    return ours, library, tokenizer.encode(SMOLLM2_PROMPT)


def read_bandwidth() -> float:
    """Measure the memory bandwidth in bytes per second: the best of seven sums over 400 MB."""
    numbers, seconds = torch.ones(100_000_000), []
    for _ in range(7):
        started = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - started)
    return numbers.nbytes / min(seconds)


def bf16_penalty() -> float:
    """Measure how much longer a matrix product of 64 rows takes in bf16 than in fp32."""
    x, w = torch.randn(64, 576), torch.randn(1536, 576)
    half = x.bfloat16(), w.bfloat16()
    seconds = time_interleaved(lambda: F.linear(*half), lambda: F.linear(x, w), repeats=20)
    return seconds.ours / seconds.library
