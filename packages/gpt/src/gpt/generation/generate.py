"""Generate text: compute the logits of the next token, sample it, append it, repeat.

Keys and values of earlier tokens are kept in a cache, so each new token takes the work of one
token. When the text is longer than the context, the oldest tokens are dropped.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.generation.batch import MIN_FINISHED_SHARE, distinct_prompts, fill_rows
from gpt.generation.sampling import sample_token
from gpt.model.cache import KVCache
from gpt.model.fast.direct_calls import with_direct_calls
from gpt.model.gpt import GPT
from gpt.text.tokenizers import Tokenizer

TokenSampler = Callable[[Float[Tensor, "B V"]], Int[Tensor, " B"]]
"""Picks a token for each row of logits; `sample_token` with its settings filled in is one."""


def generate(
    model: GPT,
    prompt: list[int],
    max_new_tokens: int,
    sampler: TokenSampler = sample_token,
    stop_tokens: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Yield up to `max_new_tokens` tokens after the prompt, ending before one in `stop_tokens`.

    Raises:
        BadInput: the prompt is empty, longer than the context, or holds an unknown id.
    """
    for (token,) in generate_columns(model, [prompt], max_new_tokens, sampler, stop_tokens):
        if token in stop_tokens:
            return
        yield token


def generate_batch(
    model: GPT,
    prompts: list[list[int]],
    max_new_tokens: int,
    sampler: TokenSampler = sample_token,
    stop_tokens: frozenset[int] = frozenset(),
) -> list[list[int]]:
    """Return what `generate` yields for each of several prompts, which may differ in length.

    Raises:
        BadInput: a prompt is empty, longer than the context, or holds an unknown id.
    """
    texts: list[list[int]] = [[] for _ in prompts]
    for column in generate_columns(model, prompts, max_new_tokens, sampler, stop_tokens):
        for text, token in zip(texts, column, strict=True):
            text.append(token)
    return [list(takewhile(lambda token: token not in stop_tokens, text)) for text in texts]


def generate_columns(
    model: GPT,
    prompts: list[list[int]],
    n_tokens: int,
    sampler: TokenSampler,
    stop_tokens: frozenset[int],
) -> Iterator[list[int]]:
    """Yield the next token of every row, `n_tokens` times or until all rows have ended.

    The first pass reads the prompts into a cache, each later pass only the newest tokens. Equal
    prompts are read once, and finished rows are dropped (see `batch`); their tokens mean nothing.

    A text longer than the context loses its oldest token at every step. All positions then shift
    by one and the cached keys and values are wrong, so the model reads the last `context` tokens
    again.
    """
    for prompt in prompts:
        check_prompt(model, prompt)
    model = with_direct_calls(model)  # computes the same; calling small layers costs less
    device, context = next(model.parameters()).device, model.config.context
    distinct, copies = distinct_prompts(prompts)
    unread, padding = left_pad_prompts(distinct, device)
    text, length = [unread], unread.shape[1]
    cache = model.cache(len(distinct), min(context, length + n_tokens - 1), padding)
    rows = torch.arange(len(prompts), device=device)  # those that have not left
    unfinished = list(range(len(prompts)))
    for _ in range(n_tokens):
        excess = length - context
        if excess > 0:  # read the last `context` tokens again
            unread = torch.cat(text, dim=1)[:, excess:]
            padding = None if cache.padding is None else (cache.padding - 1).clamp(min=0)
            cache = model.cache(len(rows), context, padding)
        logits = last_logits(model, unread, cache).float()  # bf16 is too coarse for softmax
        if len(logits) < len(rows):  # equal prompts were read once; now their texts part
            numbers = torch.tensor(copies, device=device)
            text, logits = [unread[numbers]], logits[numbers]
            cache.select_rows(numbers)
        tokens = sampler(fill_rows(logits, rows, len(prompts)))
        column = tokens.tolist()
        yield column
        unfinished = [row for row in unfinished if column[row] not in stop_tokens]
        if not unfinished:
            return
        if len(unfinished) <= (1 - MIN_FINISHED_SHARE) * len(rows):
            remaining = torch.tensor(unfinished, device=device)
            places = torch.searchsorted(rows, remaining)  # both are in ascending order
            rows, text = remaining, [torch.cat(text, dim=1)[places]]
            cache.select_rows(places)
        unread = tokens[rows, None]
        text.append(unread)
        length += 1


@torch.inference_mode()
def last_logits(model: GPT, tokens: Int[Tensor, "B T"], cache: KVCache) -> Float[Tensor, "B V"]:
    """Return the logits after the last token; the head, a large product, skips the others."""
    was_training = model.training
    if was_training:
        model.eval()
    logits = model.logits(model.hidden(tokens, cache=cache)[:, -1:])[:, 0]
    if was_training:
        model.train()
    return logits


def left_pad_prompts(
    prompts: list[list[int]], device: torch.device
) -> tuple[Int[Tensor, "B T"], Int[Tensor, " B"] | None]:
    """Return the prompts as one block, padded on the left, and the padding of each.

    If no prompt needs padding it is None, so that the kernel without a mask can be used.
    """
    longest = max(map(len, prompts))
    padding = [longest - len(prompt) for prompt in prompts]
    rows = [[0] * n + prompt for n, prompt in zip(padding, prompts, strict=True)]
    tokens = torch.tensor(rows, device=device)
    return tokens, torch.tensor(padding, device=device) if any(padding) else None


def check_prompt(model: GPT, prompt: list[int]) -> None:
    """Raise BadInput if the prompt is empty, too long, or holds an id outside the vocabulary."""
    context, vocab_size = model.config.context, model.config.vocab_size
    if not 0 < len(prompt) <= context:
        raise BadInput(f"the prompt has {len(prompt)} tokens; this model reads 1 to {context}")
    outside = [token for token in prompt if not 0 <= token < vocab_size]
    if outside:
        raise BadInput(f"token {outside[0]} is outside the vocabulary of {vocab_size} tokens")


def stream_text(tokenizer: Tokenizer, tokens: Iterable[int]) -> Iterator[str]:
    """Yield the text of the tokens as they come; bytes wait until their character is complete."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for token in tokens:
        yield decoder.decode(tokenizer.decode_bytes([token]))
    yield decoder.decode(b"", final=True)
