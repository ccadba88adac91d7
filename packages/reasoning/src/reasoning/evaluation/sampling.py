"""Many samples of many prompts, as text."""

from functools import partial

import torch

from gpt.errors import BadInput
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.model.gpt import GPT
from gpt.text.tokenizers import decode
from reasoning.tasks.vocabulary import TOKENIZER

ROWS_AT_ONCE = 512
"""Rows that are generated together; more need more memory and are not faster."""


def sample_texts(
    model: GPT,
    prompts: list[str],
    n_samples: int,
    temperature: float,
    max_new_tokens: int,
    generator: torch.Generator,
) -> list[list[str]]:
    """Return `n_samples` continuations of each prompt; temperature 0 is greedy decoding.

    Raises:
        BadInput: n_samples is below 1, or a prompt has a word outside of the vocabulary.
    """
    tokens = [TOKENIZER.encode(prompt) for prompt in prompts]
    return sample_continuations(model, tokens, n_samples, temperature, max_new_tokens, generator)


def sample_continuations(
    model: GPT,
    prompts: list[list[int]],
    n_samples: int,
    temperature: float,
    max_new_tokens: int,
    generator: torch.Generator,
) -> list[list[str]]:
    """Return `n_samples` continuations of each prompt of tokens, which may contain ends of text.

    Raises:
        BadInput: n_samples is below 1.
    """
    if n_samples < 1:
        raise BadInput(f"n_samples must be at least 1, got {n_samples}")
    rows = [prompt for prompt in prompts for _ in range(n_samples)]
    sampler = partial(sample_token, temperature=temperature, generator=generator)
    stop = frozenset({TOKENIZER.end_of_text})
    texts = [
        decode(TOKENIZER, tokens).strip()
        for begin in range(0, len(rows), ROWS_AT_ONCE)
        for tokens in generate_batch(
            model, rows[begin : begin + ROWS_AT_ONCE], max_new_tokens, sampler, stop
        )
    ]
    return [texts[begin : begin + n_samples] for begin in range(0, len(texts), n_samples)]
