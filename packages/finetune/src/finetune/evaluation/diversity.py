"""Does a model say different things, or the same one again and again?

Two failures that look alike in a mean score. All answers resemble each other: `distinct_n`. One
answer runs in a circle: `seq_rep_n` and `longest_repeat`. All three read lists of words or of token
ids, and all depend on length: compare models on the same questions with answers of similar length.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Diversity(NamedTuple):
    """What a set of answers looks like; words are what stands between spaces, in lower case."""

    distinct_1: float
    distinct_2: float
    repeated_3: float
    """Mean over the answers."""
    longest_repeat: str
    """The longest phrase that any answer says twice."""


def diversity(answers: Sequence[str]) -> Diversity:
    """All of it in one table row."""
    words = [answer.lower().split() for answer in answers]
    repeats = [longest_repeat(each) for each in words]
    return Diversity(
        distinct_n(words, 1),
        distinct_n(words, 2),
        sum(seq_rep_n(each, 3) for each in words) / max(len(words), 1),
        " ".join(str(word) for word in max(repeats, key=len, default=[])),
    )


def n_grams(words: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    """All runs of n words, in order."""
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]


def distinct_n(answers: Sequence[Sequence[Hashable]], n: int) -> float:
    """Distinct-n: different n-grams in all answers / words in all answers; 0 without words.

    Li et al. 2016. The divisor counts words, so for n = 2 the best is a little below
    1. It falls as more answers are pooled, since words run out: compare equal numbers of them.
    """
    different = {gram for words in answers for gram in n_grams(words, n)}
    return len(different) / max(sum(len(words) for words in answers), 1)


def seq_rep_n(words: Sequence[Hashable], n: int) -> float:
    """Share of an answer's n-grams that it had said before: 1 - different / all.

    Welleck et al. 2020, seq-rep-n. 0 for an answer shorter than n.
    """
    grams = n_grams(words, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def longest_repeat(words: Sequence[Hashable]) -> list[Hashable]:
    """The longest phrase that stands twice in an answer without overlap; of several the first.

    Every phrase said twice begins with a shorter one said twice, so the length only ever grows.
    """
    best: list[Hashable] = []
    while found := first_repeat(words, len(best) + 1):
        best = found
    return best


def first_repeat(words: Sequence[Hashable], n: int) -> list[Hashable]:
    """The first phrase of n words that comes again after its end; empty where there is none."""
    first: dict[tuple[Hashable, ...], int] = {}
    for start, gram in enumerate(n_grams(words, n)):
        if start - first.setdefault(gram, start) >= n:
            return list(gram)
    return []
