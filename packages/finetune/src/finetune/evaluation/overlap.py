r"""How much of a reference answer is in an answer: exact match, token F1 and ROUGE-L.

All three read the same words, those of SQuAD (Rajpurkar et al. 2016, section 6.1): lower case,
without ASCII punctuation (so `os.path` becomes `ospath`), without a, an and the. They differ in
what they count: everything, words in any order, words in the reference's order. A fourth score,
`strict_match`, is an exact match that keeps signs inside words, because `-7` is not `7`. No score
understands: "it is safe" and "it is not safe" share most words.
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
    """Each answer against its reference."""
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
    """The words that are compared."""
    bare = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def exact_match(answer: str, reference: str) -> float:
    """1 where all words are the same, else 0."""
    return float(squad_words(answer) == squad_words(reference))


def strict_match(answer: str, reference: str) -> float:
    """1 where all words are the same, signs inside them included, else 0.

    For SQuAD `-7` is `7`, `3.5` is `35` and `a < b` is `a > b`; here they are different answers.
    """
    return float(whole_words(answer) == whole_words(reference))


def whole_words(text: str) -> list[str]:
    """The words in lower case, without the punctuation around them, without a, an and the.

    If nothing else is left, articles or else signs are kept: "A" may be the answer to a question
    with several choices, and `[]` the value of an expression.
    """
    words = text.lower().split()
    bare = [word for each in words if (word := each.strip(".,;:!?\"'`()[]{}"))]
    return [word for word in bare if word not in ("a", "an", "the")] or bare or words


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of precision and recall over words, each counted as often as it occurs."""
    ours, theirs = squad_words(answer), squad_words(reference)
    return f1(sum((Counter(ours) & Counter(theirs)).values()), len(ours), len(theirs))


def rouge_l(answer: str, reference: str) -> float:
    r"""The same over the longest common subsequence: order counts, gaps do not.

    P = LCS / words of the answer, R = LCS / words of the reference,
    F = (1 + beta^2) R P / (R + beta^2 P) with beta = 1    (Lin 2004, eq. 2 to 4)
    """
    ours, theirs = squad_words(answer), squad_words(reference)
    return f1(common_subsequence_length(ours, theirs), len(ours), len(theirs))


def f1(common: int, n_ours: int, n_theirs: int) -> float:
    """2 P R / (P + R) = 2 common / (ours + theirs); two empty answers agree."""
    return 2 * common / (n_ours + n_theirs) if n_ours + n_theirs else 1.0
