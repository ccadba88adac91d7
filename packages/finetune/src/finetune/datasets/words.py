"""Words of a text, their stems, and three measures of how similar two texts are.

Words are separated by blanks. A stem is the first letters of a word, so that a word is found again
in another form: `encode`, `Encoded` and the `Encoding` of `getEncoding` have one stem.
"""

import re
import string

# Letters of one case, or a capital and the small letters after it: HTTPServer is HTTP and Server.
NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
STEM_LENGTH = 5
# Words without a subject. Words of one and two letters never count.
STOP_WORDS = {
    "all", "and", "any", "are", "but", "can", "does", "for", "from", "has", "have", "into", "its",
    "not", "one", "that", "the", "then", "this", "use", "used", "was", "what", "when", "which",
    "with", "you",
}  # fmt: skip


def normalised_words(text: str) -> list[str]:
    """Return the words in lower case, without the punctuation around them."""
    return [word.strip(string.punctuation) for word in text.lower().split()]


def word_stems(text: str) -> set[str]:
    """Return the first five letters of every content word.

    Dotted, snake_case and CamelCase names are split into their words. A content word has at least
    three letters and is not in STOP_WORDS.
    """
    parts = (part.lower() for part in NAME_PART.findall(text))
    return {part[:STEM_LENGTH] for part in parts if len(part) > 2 and part not in STOP_WORDS}


def stem_overlap(question: str, answer: str) -> float:
    """Return the share of the question's stems that are in the answer too."""
    stems = word_stems(question)
    return len(stems & word_stems(answer)) / len(stems) if stems else 0.0


def jaccard(a: str, b: str) -> float:
    """Return the Jaccard similarity of two sets of words; 1 for two empty texts.

    |A and B| / |A or B|    (Jaccard 1901)
    """
    one, other = set(normalised_words(a)), set(normalised_words(b))
    return len(one & other) / len(one | other) if one | other else 1.0


def subsequence_f1(a: str, b: str) -> float:
    """Return the F1 of ROUGE-L: the share of two texts that is common to both in the same order.

    2 LCS(a, b) / (|a| + |b|)    (Lin 2004)

    LCS is the length of the longest common subsequence in words. Two empty texts have an F1 of 1.
    """
    one, other = normalised_words(a), normalised_words(b)
    both = len(one) + len(other)
    return 2 * common_subsequence_length(one, other) / both if both else 1.0


def common_subsequence_length(a: list[str], b: list[str]) -> int:
    """Return the length of the longest common subsequence, a whole row of its table at a time.

    Neighbours in a row of the table of lengths differ by 0 or 1. So a row is a number whose bit i
    is 0 where a[i] adds one, and one addition with its carries computes the next row (Hyyro 2004).
    """
    positions: dict[str, int] = {}
    for index, word in enumerate(a):
        positions[word] = positions.get(word, 0) | 1 << index
    every = (1 << len(a)) - 1
    row = every
    for word in b:
        hits = row & positions.get(word, 0)
        row = (row + hits | row - hits) & every
    return (row ^ every).bit_count()
