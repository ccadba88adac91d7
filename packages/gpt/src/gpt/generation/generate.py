"""Write: score the next token, choose one, append it, again.

Keys and values of what was read are kept in a cache, so each new token costs one token's work. When
the text outgrows the context, the oldest tokens are forgotten.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.generation.sampling import sample_token
from gpt.model.cache import KVCache
from gpt.model.fast.bare import with_direct_calls
from gpt.model.gpt import GPT
from gpt.text.tokenizers import Tokenizer

TokenSampler = Callable[[Float[Tensor, "B V"]], Int[Tensor, " B"]]
"""Picks a token for each row of scores; `sample_token` with its settings filled in is one."""


def generate(
    model: GPT,
    prompt: list[int],
    n_tokens: int,
    choice: TokenSampler = sample_token,
    stop: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Yield up to `n_tokens` new tokens after the prompt, ending before one in `stop`.

    Raises:
        BadInput: the prompt is empty, longer than the context, or holds an unknown id.
    """
    for (token,) in generate_columns(model, [prompt], n_tokens, choice):
        if token in stop:
            return
        yield token


def generate_batch(
    model: GPT,
    prompts: list[list[int]],
    n_tokens: int,
    choice: TokenSampler = sample_token,
    stop: frozenset[int] = frozenset(),
) -> list[list[int]]:
    """What `generate` yields, for several prompts at once, which may differ in length.

    Raises:
        BadInput: a prompt is empty, longer than the context, or holds an unknown id.
    """
    texts: list[list[int]] = [[] for _ in prompts]
    open_rows = set(range(len(prompts)))
    for column in generate_columns(model, prompts, n_tokens, choice):
        open_rows -= {row for row in open_rows if column[row] in stop}
        for row in open_rows:
            texts[row].append(column[row])
        if not open_rows:
            break
    return texts


def generate_columns(
    model: GPT, prompts: list[list[int]], n_tokens: int, choice: TokenSampler
) -> Iterator[list[int]]:
    """Yield the next token of every row, `n_tokens` times.

    The first pass reads the prompts into a cache, every later one the newest column. Beyond the
    context each column moves every position, so what was cached is no longer right, and the window
    is read anew.
    """
    for prompt in prompts:
        check_prompt(model, prompt)
    model = with_direct_calls(model)
    new, padding = left_pad_prompts(prompts, next(model.parameters()).device)
    read, length, context = [new], new.shape[1], model.config.context
    cache = model.cache(len(prompts), min(context, length + n_tokens - 1), padding)
    for _ in range(n_tokens):
        excess = length - context
        if excess > 0:
            new = torch.cat(read, dim=1)[:, excess:]
            left = None if padding is None else (padding - excess).clamp(min=0)
            cache = model.cache(len(prompts), context, left)
        new = choice(last_logits(model, new, cache).float())[:, None]  # half formats draw badly
        read.append(new)
        length += 1
        yield new[:, 0].tolist()


@torch.inference_mode()
def last_logits(model: GPT, tokens: Int[Tensor, "B T"], cache: KVCache) -> Float[Tensor, "B V"]:
    """The scores after the last token; the head, a large product, reads that position alone."""
    was_training = model.training
    if was_training:
        model.eval()
    scores = model.logits(model.hidden(tokens, cache=cache)[:, -1:])[:, 0]
    if was_training:
        model.train()
    return scores


def left_pad_prompts(
    prompts: list[list[int]], device: torch.device
) -> tuple[Int[Tensor, "B T"], Int[Tensor, " B"] | None]:
    """The prompts as one block that ends together, and how much padding each begins with.

    No padding at all is None, so that the kernel without a mask can be used.
    """
    longest = max(map(len, prompts))
    padding = [longest - len(prompt) for prompt in prompts]
    rows = [[0] * n + prompt for n, prompt in zip(padding, prompts, strict=True)]
    tokens = torch.tensor(rows, device=device)
    return tokens, torch.tensor(padding, device=device) if any(padding) else None


def check_prompt(model: GPT, prompt: list[int]) -> None:
    """Refuse what the model cannot read."""
    context, vocab_size = model.config.context, model.config.vocab_size
    if not 0 < len(prompt) <= context:
        raise BadInput(f"the prompt has {len(prompt)} tokens; this model reads 1 to {context}")
    outside = [token for token in prompt if not 0 <= token < vocab_size]
    if outside:
        raise BadInput(f"token {outside[0]} is outside the vocabulary of {vocab_size} tokens")


def stream_text(tokenizer: Tokenizer, tokens: Iterable[int]) -> Iterator[str]:
    """The text of the tokens as it comes; bytes wait until their character is complete."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for token in tokens:
        yield decoder.decode(tokenizer.decode_bytes([token]))
    yield decoder.decode(b"", final=True)
