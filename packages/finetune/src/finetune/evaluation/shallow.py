"""Two scores that do not understand the text, as baselines for a reward model.

If the chosen answers of a data set are longer, or share more words with the question, a model can
look accurate for that reason only. Report its accuracy next to these two on the same pairs.
"""

from collections.abc import Sequence

from finetune.evaluation.overlap import squad_words


def length_score(questions: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Score each answer by its number of words."""
    return [float(len(answer.split())) for answer in answers]


def shared_words_score(questions: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Score each answer by the share of the question's words in it; 0 for an empty question."""
    shares = []
    for question, answer in zip(questions, answers, strict=True):
        words = set(squad_words(question))
        shares.append(len(words & set(squad_words(answer))) / max(len(words), 1))
    return shares
