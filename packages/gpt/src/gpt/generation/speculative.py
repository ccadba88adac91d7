r"""Speculative decoding: a cheap draft guesses several tokens, and the model checks them at once.

Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding", algorithm 1;
Chen et al. 2023, "Accelerating Large Language Model Decoding with Speculative Sampling", found the
same. Reading five tokens in one pass takes far less than five times as long as reading one, because
either way all weights are read once. A token drafted with probability q is kept with probability
min(1, p / q); the first one that is not kept is replaced by a draw from what q lacks. The text then
has exactly the distribution p of the model, however bad the draft is.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput
from gpt.generation.generate import check_prompt
from gpt.generation.sampling import check_sampling_settings, token_probabilities
from gpt.model.cache import KVCache
from gpt.model.fast.direct_calls import with_direct_calls
from gpt.model.gpt import GPT


class DraftedTokens(NamedTuple):
    """Guessed tokens, and the distribution that each was drawn from."""

    tokens: list[int]
    probabilities: Float[Tensor, "N V"]


@runtime_checkable
class Draft(Protocol):
    """Something that guesses how a text continues."""

    vocab_size: int

    def propose(self, text: list[int], n: int) -> DraftedTokens:
        """Guess up to n tokens after the text, which only ever grows."""
        ...


def residual_distribution(p: Float[Tensor, " V"], q: Float[Tensor, " V"]) -> Float[Tensor, " V"]:
    """Return what to draw from after a rejection: norm(max(0, p - q))    (section 2.3).

    It makes up for the tokens to which the draft gives too little probability.
    """
    missing = (p - q).clamp(min=0)
    total = missing.sum()
    return missing / total if total > 0 else p  # p and q can differ by rounding only


def accept_draft(
    draft: DraftedTokens, p: Float[Tensor, "T V"], generator: torch.Generator | None = None
) -> list[int]:
    """Return the drafted tokens that are kept, and one more    (algorithm 1).

    p holds the model's distribution at each drafted token and after the last.
    """
    for i, token in enumerate(draft.tokens):
        q = draft.probabilities[i].to(p.device)
        kept = torch.rand((), generator=generator, device=p.device) < p[i, token] / q[token]
        if not kept:
            replacement = torch.multinomial(residual_distribution(p[i], q), 1, generator=generator)
            return [*draft.tokens[:i], int(replacement)]
    return [*draft.tokens, int(torch.multinomial(p[-1], 1, generator=generator))]


def generate_speculatively(
    model: GPT,
    draft: Draft,
    prompt: list[int],
    max_new_tokens: int,
    gamma: int = 4,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    stop_tokens: frozenset[int] = frozenset(),
) -> Iterator[list[int]]:
    """Yield the tokens of each pass of the model, from 1 to gamma + 1.

    The tokens together are what `generate` would yield: the same with temperature 0, otherwise
    tokens of the same distribution. The number of lists is the number of passes. A stop token ends
    the text and is left out, so the last list may be empty.

    Raises:
        BadInput: gamma or `max_new_tokens` is below 1, the vocabularies differ, or the text would
            exceed the context.
    """
    check_speculation(model, draft, prompt, max_new_tokens, gamma, temperature)
    model, text, end = with_direct_calls(model), list(prompt), len(prompt) + max_new_tokens
    cache = model.cache(1, end)
    while len(text) < end:
        drafted = draft.propose(text, min(gamma, end - len(text) - 1))
        unread, n_checked = text[cache.length :] + drafted.tokens, len(drafted.tokens) + 1
        p = read_tokens(model, unread, n_checked, cache, temperature)
        new = accept_draft(drafted, p, generator)
        text += new
        cache.truncate(len(text) - 1)  # forget what was rejected; the last token is still unread
        stops = [i for i, token in enumerate(new) if token in stop_tokens]
        if stops:
            yield new[: stops[0]]
            return
        yield new


@torch.inference_mode()
def read_tokens(
    model: GPT, tokens: list[int], n_last: int, cache: KVCache, temperature: float
) -> Float[Tensor, "T V"]:
    """Read tokens into the cache; return the distribution of the token after each of the last."""
    block = torch.tensor([tokens], device=model.embedding.weight.device)
    x = model.hidden(block, cache=cache)[0, -n_last:]
    return token_probabilities(model.logits(x).float(), temperature)


class ModelDraft:
    """A smaller model with the same tokenizer, as the draft of one text.

    Its cache holds that text, so another text needs a new draft. The context of the smaller model
    must hold the whole text, too.

    Raises:
        BadInput: the temperature is negative or not finite.
    """

    def __init__(
        self, model: GPT, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> None:
        check_sampling_settings(temperature, None, None)
        self.model, self.vocab_size = with_direct_calls(model), model.config.vocab_size
        self.temperature, self.generator = temperature, generator
        self.cache = model.cache(1, model.config.context)

    def propose(self, text: list[int], n: int) -> DraftedTokens:
        """Draw n tokens, one after the other."""
        # the newest token of the text replaced a rejected one, or was not drafted
        self.cache.truncate(len(text) - 1)
        tokens, rows = [], []
        for _ in range(n):
            unread = [*text, *tokens][self.cache.length :]
            rows.append(read_tokens(self.model, unread, 1, self.cache, self.temperature))
            tokens.append(int(torch.multinomial(rows[-1], 1, generator=self.generator)))
        return DraftedTokens(tokens, torch.cat(rows) if rows else torch.empty(0, self.vocab_size))


class LookupDraft:
    """Copies what followed the last occurrence of the newest tokens in the text.

    "Prompt lookup" (Saxena 2023); the reference of Yang et al. 2023, "Inference with Reference". It
    needs no model, and is right where an answer repeats parts of the question or of itself.

    Raises:
        BadInput: no token would have to match.
    """

    def __init__(self, vocab_size: int, n_matched: int = 2) -> None:
        if n_matched < 1:
            raise BadInput(f"n_matched must be at least 1, got {n_matched}")
        self.vocab_size, self.n_matched = vocab_size, n_matched

    def propose(self, text: list[int], n: int) -> DraftedTokens:
        """Copy up to n tokens; none if the newest tokens are new."""
        newest, found = text[-self.n_matched :], []
        for begin in range(len(text) - self.n_matched - 1, -1, -1):
            if text[begin : begin + self.n_matched] == newest:
                found = text[begin + self.n_matched :][:n]
                break
        certain = torch.zeros(len(found), self.vocab_size)
        certain[range(len(found)), found] = 1
        return DraftedTokens(found, certain)


def expected_tokens_per_pass(acceptance: float, gamma: int) -> float:
    r"""Return the mean number of tokens per pass if each draft is kept with this probability.

    1 + alpha + ... + alpha^gamma    (Leviathan et al. 2023, eq. 1)
    """
    return sum(acceptance**i for i in range(gamma + 1))


def check_speculation(
    model: GPT, draft: Draft, prompt: list[int], max_new_tokens: int, gamma: int, temperature: float
) -> None:
    """Raise BadInput if the model and the draft cannot continue this prompt together."""
    check_prompt(model, prompt)
    check_sampling_settings(temperature, None, None)
    if gamma < 1:
        raise BadInput(f"gamma, the number of drafted tokens, must be at least 1, got {gamma}")
    if max_new_tokens < 1:
        raise BadInput(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    if draft.vocab_size != model.config.vocab_size:
        raise BadInput(
            f"the draft has {draft.vocab_size} tokens and the model {model.config.vocab_size}; "
            "both need the same tokenizer"
        )
    if len(prompt) + max_new_tokens > model.config.context:
        raise BadInput(
            f"{len(prompt)} + {max_new_tokens} tokens do not fit into the context of "
            f"{model.config.context}; speculative decoding does not drop the oldest tokens"
        )
