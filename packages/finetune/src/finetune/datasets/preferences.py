"""Pairs of answers to a question, one of them preferred.

The default pairs are made from the documentation. Chosen is the documented sentence; rejected is
the same sentence spoilt in one of four ways:

    cut        it breaks off, without a full stop
    looped     three words in a row are said again
    shuffled   the words stand in another order
    elsewhere  it is the documented answer to a question about another module

Every second pair is matched in length: its two answers differ by at most one word. So a judge that
looks at the length alone is right in little more than half of all pairs. By the rule, no rejected
answer scores higher than the chosen one.
"""

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from finetune.datasets.docstrings import Question, top_level_module
from finetune.datasets.rule import rule_checks, rule_score
from finetune.datasets.words import normalised_words

QuestionsByLength = dict[int, list[Question]]
"""Questions by the number of words in their answers."""

MATCHED_WEIGHTS = {"shuffled": 5, "looped": 2, "cut": 2, "elsewhere": 1}
"""Weights of the kinds among pairs of equal length.

Only few are `answer_about_other_module`, which takes knowledge to recognise.
"""
UNMATCHED_WEIGHTS = {"cut": 1, "looped": 1}
"""The same among the others: as many rejected answers are shorter as are longer."""


class Preference(NamedTuple):
    """Two answers to one question."""

    question: str
    chosen: str
    rejected: str
    kind: str = ""
    """What is wrong with the rejected one, where that is known."""

    @property
    def longer_by(self) -> int:
        """The words that the chosen answer has more than the rejected one."""
        return len(normalised_words(self.chosen)) - len(normalised_words(self.rejected))

    @property
    def matched(self) -> bool:
        """Whether the lengths differ by at most one word."""
        return abs(self.longer_by) <= 1


def make_preferences(questions: Sequence[Question], seed: int = 0) -> list[Preference]:
    """A pair for every question whose documented answer ends, is brief and does not repeat itself.

    Call it for each side of a split: answers from elsewhere are taken from the same questions.
    """
    generator = random.Random(seed)
    good = [question for question in questions if all(rule_checks(question, question.answer)[:3])]
    pool: QuestionsByLength = defaultdict(list)
    for question in good:
        pool[len(normalised_words(question.answer))].append(question)
    return [
        corrupted_preference(question, pool, index % 2 == 0, generator)
        for index, question in enumerate(good)
    ]


def corrupted_preference(
    question: Question, pool: QuestionsByLength, matched: bool, generator: random.Random
) -> Preference:
    """Pair the documented answer with a worse one, truncated if the kind drawn is impossible."""
    shares = MATCHED_WEIGHTS if matched else UNMATCHED_WEIGHTS
    [kind] = generator.choices(list(shares), list(shares.values()))
    rejected = rejected_answer(kind, question, pool, matched, generator)
    worse = rejected != question.answer and rule_score(question, rejected) <= rule_score(
        question, question.answer
    )
    if not rejected or not worse:
        kind, rejected = "cut", rejected_answer("cut", question, pool, matched, generator)
    return Preference(question.question, question.answer, rejected, kind)


def rejected_answer(
    kind: str, question: Question, pool: QuestionsByLength, matched: bool, generator: random.Random
) -> str:
    """The answer spoilt in this way; empty where it cannot be."""
    said = question.answer.removesuffix(".").split()
    match kind:
        case "cut":
            return truncated_sentence(said, 1 if matched else generator.randint(2, len(said) - 1))
        case "looped":
            return (
                looped_sentence_same_length(said, generator)
                if matched
                else looped_sentence(said, generator)
            )
        case "shuffled":
            return shuffled_sentence(said, generator)
        case _:  # elsewhere
            return answer_about_other_module(question, pool, generator)


def truncated_sentence(said: list[str], missing: int) -> str:
    """The words less the last few, and no full stop."""
    return " ".join(said[:-missing]).rstrip(".")


def looped_sentence(said: list[str], generator: random.Random) -> str:
    """Three words in a row are said once to three times more."""
    end = generator.randint(3, len(said))
    return join_sentence(said[:end] + said[end - 3 : end] * generator.randint(1, 3) + said[end:])


def looped_sentence_same_length(said: list[str], generator: random.Random) -> str:
    """The same at the length it had: the loop takes the place of the end. It takes six words."""
    if len(said) < 6:
        return ""
    times = generator.randint(1, len(said) // 3 - 1)
    kept = said[: len(said) - 3 * times]
    return join_sentence(kept + kept[-3:] * times)


def shuffled_sentence(said: list[str], generator: random.Random) -> str:
    """The words in another order; the full stop stays at the end."""
    order = said
    while order == said and len(set(said)) > 1:
        order = generator.sample(said, len(said))
    return join_sentence(order) if order != said else ""


def answer_about_other_module(
    question: Question, pool: QuestionsByLength, generator: random.Random
) -> str:
    """An answer about another top-level module, no more than one word longer or shorter."""
    length, score = len(normalised_words(question.answer)), rule_score(question, question.answer)
    near = [other for n in (length - 1, length, length + 1) for other in pool.get(n, ())]
    for other in generator.sample(near, len(near)):
        if (
            top_level_module(other) != top_level_module(question)
            and rule_score(question, other.answer) <= score
        ):
            return other.answer
    return ""


def join_sentence(said: list[str]) -> str:
    """The words with a full stop."""
    return " ".join(said) + "."


def preferences_by_rule(
    question: Question, answers: Sequence[str], stopped: Sequence[bool] | None = None
) -> list[Preference]:
    """The best of several answers against one of every lower score; no pair where all tie.

    The worst answer has several faults, and a pair with it does not show which of them counts. One
    that is a single check short of the best does.

    Args:
        question: what was asked.
        answers: what a model said to it.
        stopped: for each, whether the model wrote its stop token; without it, all of them.
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
    r"""Whether a noisy judge prefers a to b.

    P(a over b) = e^a / (e^a + e^b) = sigmoid(a - b)    (Bradley and Terry 1952, eq. 1)

    Written with tanh, which no difference overflows.
    """
    return generator.random() < (1 + math.tanh((score_a - score_b) / 2)) / 2
