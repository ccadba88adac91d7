"""Pairs of answers to questions about Python's library, one preferred to the other.

The chosen answer is the documented sentence. The rejected one is a corruption of it:

    cut        it is truncated and has no full stop
    looped     three successive words are repeated
    shuffled   its words are in another order
    elsewhere  it is the documented answer to a question about another module

Every second pair is matched in length: its two answers differ by at most one word. So a judge that
looks at length only is right in little more than half of all pairs. By the rule, no rejected answer
scores higher than the chosen one.
"""

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from finetune.datasets.corruptions import QuestionsByLength, corrupted_answer
from finetune.datasets.questions import Question
from finetune.datasets.rule import rule_checks, rule_score
from finetune.datasets.words import normalised_words

MATCHED_WEIGHTS = {"shuffled": 5, "looped": 2, "cut": 2, "elsewhere": 1}
"""Weights of the corruptions in pairs of equal length.

Few are `elsewhere`, because recognising those takes knowledge of the library.
"""
UNMATCHED_WEIGHTS = {"cut": 1, "looped": 1}
"""Weights in the other pairs. As many rejected answers are shorter as are longer."""


class Preference(NamedTuple):
    """A preferred and a rejected answer to one question."""

    question: str
    chosen: str
    rejected: str
    kind: str = ""
    """Corruption of the rejected answer, if known."""

    @property
    def longer_by(self) -> int:
        """Number of words in the chosen answer minus that in the rejected one."""
        return len(normalised_words(self.chosen)) - len(normalised_words(self.rejected))

    @property
    def matched(self) -> bool:
        """Whether the lengths differ by at most one word."""
        return abs(self.longer_by) <= 1


def make_preferences(questions: Sequence[Question], seed: int = 0) -> list[Preference]:
    """Return a pair for every question whose answer passes the rule's checks of form.

    Call this once per side of a split: answers about other modules come from the same questions.
    """
    generator = random.Random(seed)
    good = [question for question in questions if all(rule_checks(question, question.answer)[:3])]
    by_length: QuestionsByLength = defaultdict(list)
    for question in good:
        by_length[len(normalised_words(question.answer))].append(question)
    return [
        corrupted_preference(question, by_length, index % 2 == 0, generator)
        for index, question in enumerate(good)
    ]


def corrupted_preference(
    question: Question, by_length: QuestionsByLength, matched: bool, generator: random.Random
) -> Preference:
    """Return the documented answer with a corruption of a random kind.

    If that kind is impossible, or not worse by the rule, the answer is truncated instead.
    """
    weights = MATCHED_WEIGHTS if matched else UNMATCHED_WEIGHTS
    [kind] = generator.choices(list(weights), list(weights.values()))
    rejected = corrupted_answer(kind, question, by_length, matched, generator)
    worse = rejected != question.answer and rule_score(question, rejected) <= rule_score(
        question, question.answer
    )
    if not rejected or not worse:
        kind = "cut"
        rejected = corrupted_answer(kind, question, by_length, matched, generator)
    return Preference(question.question, question.answer, rejected, kind)


def preferences_by_rule(
    question: Question, answers: Sequence[str], stopped: Sequence[bool] | None = None
) -> list[Preference]:
    """Return the best of several answers paired with one answer of every lower score.

    Pairs with the worst answer only would not show which of its several faults counts; a pair with
    an answer that fails a single check does. If all answers have one score there are no pairs.

    Args:
        question: the question that was asked.
        answers: a model's answers to it.
        stopped: whether the model ended each answer with its stop token; by default all of them.
    """
    ended = [True] * len(answers) if stopped is None else stopped
    first: dict[float, str] = {}
    for answer, end in zip(answers, ended, strict=True):
        first.setdefault(rule_score(question, answer, end), answer)
    scores = sorted(first, reverse=True)
    return [
        Preference(question.question, first[scores[0]], first[score], "sampled")
        for score in scores[1:]
    ]


def bradley_terry_choice(score_a: float, score_b: float, generator: random.Random) -> bool:
    r"""Return whether a noisy judge prefers a to b.

    P(a over b) = e^a / (e^a + e^b) = sigmoid(a - b)    (Bradley and Terry 1952, eq. 1)

    Computed with tanh, which does not overflow for any difference.
    """
    return generator.random() < (1 + math.tanh((score_a - score_b) / 2)) / 2
