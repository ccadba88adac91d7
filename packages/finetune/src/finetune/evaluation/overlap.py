r"""Overlap of an answer with a reference answer: exact match, token F1 and ROUGE-L.

All three compare the words of SQuAD (Rajpurkar et al. 2016, section 6.1): lower case, without ASCII
punctuation (so `os.path` becomes `ospath`), without a, an and the. Exact match compares all words,
token F1 words in any order, ROUGE-L words in the reference's order. A fourth score, `strict_match`,
is an exact match that keeps signs inside words, because `-7` is not `7`. None of them understands
the text: "it is safe" and "it is not safe" share most words.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from finetune.datasets.words import common_subsequence_length
from gpt.errors import BadInput


class OverlapScores(NamedTuple):
    """Means over all answers."""

    exact_match: float
    token_f1: float
    rouge_l: float


def overlap_scores(answers: Sequence[str], references: Sequence[str]) -> OverlapScores:
    """Score each answer against its reference, and average."""
    if len(answers) != len(references) or not answers:
        raise BadInput(
            f"overlap needs as many answers as references, got {len(answers)} and {len(references)}"
        )
    pairs = [*zip(answers, references, strict=True)]
    return OverlapScores(
        *(
            sum(score(*pair) for pair in pairs) / len(pairs)
            for score in (exact_match, token_f1, rouge_l)
        )
    )


def squad_words(text: str) -> list[str]:
    """Normalise a text to the words that are compared, as SQuAD does."""
    bare = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def exact_match(answer: str, reference: str) -> float:
    """Return 1 if all words are equal, else 0."""
    return float(squad_words(answer) == squad_words(reference))


def strict_match(answer: str, reference: str) -> float:
    """Return 1 if all words are equal, including signs inside them, else 0.

    For SQuAD `-7` is `7`, `3.5` is `35` and `a < b` is `a > b`; here they are different answers.
    """
    return float(whole_words(answer) == whole_words(reference))


def whole_words(text: str) -> list[str]:
    """Return lower-case words without the punctuation around them, without a, an and the.

    If nothing else is left, articles or else signs are kept: "A" may answer a multiple-choice
    question, and `[]` may be the value of an expression.
    """
    words = text.lower().split()
    bare = [word for each in words if (word := each.strip(".,;:!?\"'`()[]{}"))]
    return [word for word in bare if word not in ("a", "an", "the")] or bare or words


def token_f1(answer: str, reference: str) -> float:
    """Compute the harmonic mean of precision and recall over words, counting repetitions."""
    ours, theirs = squad_words(answer), squad_words(reference)
    return f1(sum((Counter(ours) & Counter(theirs)).values()), len(ours), len(theirs))


def rouge_l(answer: str, reference: str) -> float:
    r"""Compute F1 over the longest common subsequence: order matters, gaps do not.

    P = LCS / words of the answer, R = LCS / words of the reference,
    F = (1 + beta^2) R P / (R + beta^2 P) with beta = 1    (Lin 2004, eq. 2 to 4)
    """
    ours, theirs = squad_words(answer), squad_words(reference)
    return f1(common_subsequence_length(ours, theirs), len(ours), len(theirs))


def f1(common: int, n_ours: int, n_theirs: int) -> float:
    """Compute 2 P R / (P + R) = 2 common / (ours + theirs); 1 if both are empty."""
    return 2 * common / (n_ours + n_theirs) if n_ours + n_theirs else 1.0
