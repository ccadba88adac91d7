"""Diversity of answers, and repetition within an answer.

Both failures look alike in a mean score. `distinct_n` detects answers that resemble each other;
`seq_rep_n` and `longest_repeat` detect an answer that loops. All three take lists of words or of
token ids, and all depend on length: compare models on the same questions with answers of similar
length.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Diversity(NamedTuple):
    """Diversity of a set of answers, in lower-case words separated by white space."""

    distinct_1: float
    distinct_2: float
    repeated_3: float
    """Repeated 3-grams (`seq_rep_n`), averaged over the answers."""
    longest_repeat: str
    """Longest phrase that occurs twice in one answer."""


def diversity(answers: Sequence[str]) -> Diversity:
    """Compute all measures of a set of answers."""
    words = [answer.lower().split() for answer in answers]
    repeats = [longest_repeat(each) for each in words]
    return Diversity(
        distinct_n(words, 1),
        distinct_n(words, 2),
        sum(seq_rep_n(each, 3) for each in words) / max(len(words), 1),
        " ".join(str(word) for word in max(repeats, key=len, default=[])),
    )


def n_grams(words: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    """Return all sequences of n adjacent words, in order."""
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]


def distinct_n(answers: Sequence[Sequence[Hashable]], n: int) -> float:
    """Compute distinct-n: different n-grams in all answers / words in all answers.

    Li et al. 2016; 0 without words. The divisor counts words, so for n = 2 the best is a little
    below 1. It falls as more answers are pooled: compare equal numbers of answers.
    """
    different = {gram for words in answers for gram in n_grams(words, n)}
    return len(different) / max(sum(len(words) for words in answers), 1)


def seq_rep_n(words: Sequence[Hashable], n: int) -> float:
    """Compute seq-rep-n, the share of repeated n-grams of an answer: 1 - different / all.

    Welleck et al. 2020; 0 for an answer shorter than n.
    """
    grams = n_grams(words, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def longest_repeat(words: Sequence[Hashable]) -> list[Hashable]:
    """Find the longest phrase that occurs twice in an answer without overlap; of several the first.

    Every repeated phrase begins with a shorter repeated phrase, so increasing lengths are tried.
    """
    best: list[Hashable] = []
    while found := first_repeat(words, len(best) + 1):
        best = found
    return best


def first_repeat(words: Sequence[Hashable], n: int) -> list[Hashable]:
    """Find the first phrase of n words that occurs again after its end; empty if there is none."""
    first: dict[tuple[Hashable, ...], int] = {}
    for start, gram in enumerate(n_grams(words, n)):
        if start - first.setdefault(gram, start) >= n:
            return list(gram)
    return []
