"""Write: score the next token, choose one, append it, again.

When the text outgrows the context the oldest tokens are forgotten.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.generation.sampling import choose
from gpt.model.gpt import GPT
from gpt.text.tokenizers import Tokenizer

Choice = Callable[[Float[Tensor, "B V"]], Int[Tensor, " B"]]
"""Picks a token for each row of scores; `choose` with its settings filled in is one."""


@torch.no_grad()
def generate(
    model: GPT,
    prompt: list[int],
    n_tokens: int,
    choice: Choice = choose,
    stop: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Yield up to `n_tokens` new tokens after the prompt, ending before one in `stop`.

    Raises:
        BadInput: the prompt is empty, longer than the context, or holds an unknown id.
    """
    check_prompt(model, prompt)
    device = next(model.parameters()).device
    tokens = list(prompt)
    model.eval()
    for _ in range(n_tokens):
        window = torch.tensor([tokens[-model.config.context :]], device=device)
        token = int(choice(model(window)[:, -1]))
        if token in stop:
            return
        tokens.append(token)
        yield token


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
