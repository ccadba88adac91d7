"""Two scores that understand nothing, and that a reward model has to beat.

Where the chosen answers of a data set are longer, or share more words with the question, a model
can look accurate by that alone. Report its accuracy beside those of these two on the same pairs.
"""

from collections.abc import Sequence

from finetune.evaluation.overlap import squad_words


def length_score(questions: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Longer is better, in words."""
    return [float(len(answer.split())) for answer in answers]


def shared_words_score(questions: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Share of the question's different words that the answer has; 0 for a question without."""
    shares = []
    for question, answer in zip(questions, answers, strict=True):
        asked = set(squad_words(question))
        shares.append(len(asked & set(squad_words(answer))) / max(len(asked), 1))
    return shares
