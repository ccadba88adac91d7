"""Did the model learn to write, or to copy? Two numbers that tell, computed on what it wrote."""

from dataclasses import dataclass

import regex


@dataclass(frozen=True)
class Originality:
    """How a text stands to the corpus its writer was trained on."""

    known_words: float
    """Share of its words that occur somewhere in the corpus."""
    longest_copy: str
    """The longest run of characters that stands in the corpus exactly so."""


def measure_originality(text: str, corpus: str) -> Originality:
    """Compare a generated text with the training text.

    A word is a run of letters; upper and lower case differ.
    """
    vocabulary = set(split_words(corpus))
    written = split_words(text)
    known = sum(word in vocabulary for word in written) / max(len(written), 1)
    return Originality(known, longest_common_substring(text, corpus))


def split_words(text: str) -> list[str]:
    """The runs of letters."""
    return regex.findall(r"\p{L}+", text)


def longest_common_substring(text: str, corpus: str) -> str:
    """The longest substring of `text` found in `corpus`; of equally long ones the first.

    The window only ever grows: a start that cannot beat the best is skipped after one search.
    """
    best = ""
    for start in range(len(text)):
        while (run := text[start : start + len(best) + 1]) in corpus and len(run) > len(best):
            best = run
    return best
