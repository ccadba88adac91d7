"""Whether a model writes or copies: two measurements of the text that it generated."""

from dataclasses import dataclass

import regex

WORD = regex.compile(r"\p{L}+")


@dataclass(frozen=True)
class Originality:
    """A generated text compared with the corpus that its model was trained on."""

    known_words: float
    """Fraction of its words that occur somewhere in the corpus."""
    longest_copy: str
    """The longest substring that also occurs in the corpus."""


def measure_originality(text: str, corpus: str) -> Originality:
    """Compare a generated text with the training text.

    A word is a run of letters; upper and lower case differ.
    """
    vocabulary, words = set(WORD.findall(corpus)), WORD.findall(text)
    known = sum(word in vocabulary for word in words) / max(len(words), 1)
    return Originality(known, longest_common_substring(text, corpus))


def longest_common_substring(text: str, corpus: str) -> str:
    """Return the longest substring of `text` that occurs in `corpus`, the first of equal length.

    The window only ever grows: a start without a longer match is skipped after one search.
    """
    best = ""
    for start in range(len(text)):
        while (run := text[start : start + len(best) + 1]) in corpus and len(run) > len(best):
            best = run
    return best
