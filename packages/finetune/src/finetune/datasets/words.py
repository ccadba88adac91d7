"""What counts as a word here, and three measures of how alike two texts are.

Words stand between blanks. Their stems serve to find a word again in another form: `open`, `opens`
and the `Open` of `OpenFile` share one.
"""

import re
import string

# Letters of one case, or a capital and the small ones behind it: HTTPServer is HTTP and Server.
NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
STEM_LENGTH = 5
# Words that tell nothing of the subject; those of one and two letters never count.
STOP_WORDS = {
    "all", "and", "any", "are", "but", "can", "does", "for", "from", "has", "have", "into", "its",
    "not", "one", "that", "the", "then", "this", "use", "used", "was", "what", "when", "which",
    "with", "you",
}  # fmt: skip


def normalised_words(text: str) -> list[str]:
    """What stands between blanks, in lower case, less the punctuation around it."""
    return [word.strip(string.punctuation) for word in text.lower().split()]


def word_stems(text: str) -> set[str]:
    """The first five letters of every content word; dotted, snake_case and CamelCase names part.

    A content word has at least three letters and is not among EMPTY_WORDS.
    """
    parts = (part.lower() for part in NAME_PART.findall(text))
    return {part[:STEM_LENGTH] for part in parts if len(part) > 2 and part not in STOP_WORDS}


def stem_overlap(question: str, answer: str) -> float:
    """The share of the question's stems that the answer has too."""
    asked = word_stems(question)
    return len(asked & word_stems(answer)) / len(asked) if asked else 0.0


def jaccard(a: str, b: str) -> float:
    """|A and B| / |A or B| of the sets of words (Jaccard 1901); two empty texts are alike."""
    one, other = set(normalised_words(a)), set(normalised_words(b))
    return len(one & other) / len(one | other) if one | other else 1.0


def subsequence_f1(a: str, b: str) -> float:
    """How much of two texts stands in both in the same order: the F1 of ROUGE-L (Lin 2004).

    2 LCS(a, b) / (|a| + |b|), with LCS the length of the longest common subsequence in words.
    """
    one, other = normalised_words(a), normalised_words(b)
    both = len(one) + len(other)
    return 2 * common_subsequence_length(one, other) / both if both else 1.0


def common_subsequence_length(a: list[str], b: list[str]) -> int:
    """The length of the longest common subsequence, a whole row of the table at a time.

    Neighbours in a row of the table of lengths differ by 0 or 1. So a row is a number whose bit i
    is 0 where a[i] adds one, and an addition with its carries makes the next row (Hyyro 2004).
    """
    places: dict[str, int] = {}
    for index, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << index
    every = (1 << len(a)) - 1
    row = every
    for word in b:
        hits = row & places.get(word, 0)
        row = (row + hits | row - hits) & every
    return (row ^ every).bit_count()
