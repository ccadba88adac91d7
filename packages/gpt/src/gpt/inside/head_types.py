r"""Head types: which heads attend to the previous token, to the first one, or to what repeats.

A type is a pattern: for each query, the keys that a head of this type would attend to. The score of
a head is the share of its attention that falls on the pattern, as a mean over the queries for which
the pattern has a key:

score = sum_ts A_ts P_ts / (number of queries t with any P_ts)

1 means that the head does nothing else. `detect_head` of TransformerLens divides by all T queries,
so its score of the same head is ours times the share of queries that have a key.

Induction heads continue a repetition: after "... A B ... A" they attend to B (Elhage et al. 2021;
Olsson et al. 2022, "In-context Learning and Induction Heads"). Duplicate token heads attend to the
earlier A (Wang et al. 2023, section 3).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from einops import einsum, reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.inside.ablation import Head
from gpt.inside.attention_maps import attention_maps
from gpt.model.gpt import GPT


def previous_token_pattern(tokens: Int[Tensor, " T"]) -> Bool[Tensor, "T T"]:
    """Let each query attend to the position before it."""
    position = torch.arange(len(tokens), device=tokens.device)
    return position[:, None] - 1 == position


def first_token_pattern(tokens: Int[Tensor, " T"]) -> Bool[Tensor, "T T"]:
    """Let each query but the first, which has no choice, attend to position 0."""
    position = torch.arange(len(tokens), device=tokens.device)
    return (position == 0) & (position[:, None] > 0)


def duplicate_token_pattern(tokens: Int[Tensor, " T"]) -> Bool[Tensor, "T T"]:
    """Let each query attend to earlier positions of the same token."""
    return (tokens[:, None] == tokens).tril(-1)


def induction_pattern(tokens: Int[Tensor, " T"]) -> Bool[Tensor, "T T"]:
    """Let each query attend to the tokens that came after earlier positions of its token."""
    # no query is after the last position, so the column that moves to the front is empty
    return duplicate_token_pattern(tokens).roll(1, dims=1)


PATTERNS: dict[str, Callable[[Int[Tensor, " T"]], Bool[Tensor, "T T"]]] = {
    "previous token": previous_token_pattern,
    "first token": first_token_pattern,
    "duplicate token": duplicate_token_pattern,
    "induction": induction_pattern,
}
"""Head types by name."""


def pattern_scores(
    maps: Float[Tensor, "L B H T T"], patterns: Bool[Tensor, "B T T"]
) -> Float[Tensor, "L H"]:
    """Return the mean share of each head's attention that falls on the pattern.

    Raises:
        BadInput: the patterns have no key at all.
    """
    n_queries = int(patterns.any(dim=-1).sum())
    if n_queries == 0:
        raise BadInput(
            "no position of these tokens has a key in the pattern; give text in which tokens "
            "repeat, such as repeated_tokens"
        )
    return einsum(maps, patterns.to(maps.dtype), "L B H T S, B T S -> L H") / n_queries


def attention_entropy(maps: Float[Tensor, "L B H T T"]) -> Float[Tensor, "L H"]:
    """Return the entropy of each head's attention in nats, as a mean over queries.

    0 is attention to a single key; the mean of ln 1, ln 2, ..., ln T is attention to all alike.
    """
    return reduce(torch.special.entr(maps).sum(dim=-1), "L B H T -> L H", "mean")


class HeadScores(NamedTuple):
    """Scores of all heads: one table per head type, and the entropy."""

    scores: dict[str, Float[Tensor, "L H"]]
    """By the names of `PATTERNS`."""
    entropy: Float[Tensor, "L H"]

    def highest(self, kind: str, n: int = 5) -> list[tuple[Head, float]]:
        """Return the n heads with the highest score of a type."""
        if kind not in self.scores:
            raise BadInput(f"no head type {kind!r}; there are {', '.join(self.scores)}")
        table = self.scores[kind]
        values, places = table.flatten().sort(descending=True)
        return [
            (Head(*divmod(int(place), table.shape[1])), float(value))
            for value, place in zip(values[:n], places[:n], strict=True)
        ]


def head_scores(model: GPT, tokens: Int[Tensor, "B T"]) -> HeadScores:
    """Score every head of a model for every type, on texts in which tokens repeat.

    Raises:
        BadInput: no token repeats.
    """
    maps = attention_maps(model, tokens)
    scores = {
        kind: pattern_scores(maps, torch.stack([pattern(row) for row in tokens]))
        for kind, pattern in PATTERNS.items()
    }
    return HeadScores(scores, attention_entropy(maps))


def repeated_tokens(
    vocab_size: int, length: int, n_texts: int, generator: torch.Generator
) -> Int[Tensor, "B T"]:
    """Return random tokens, written twice: nothing but the repetition can be predicted."""
    once = torch.randint(vocab_size, (n_texts, length), generator=generator)
    return torch.cat([once, once], dim=1)
