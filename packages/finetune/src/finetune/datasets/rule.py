"""The stated rule of a good answer: what the trained models are truly judged by.

Four checks, each passed or not; the rule is their mean, so a score in [0, 1]. No model learns it
from its text. A reward model sees pairs of answers only, and what it makes of them is compared with
the rule. The rule looks at form and at one shared word: an answer that passes may still be wrong.
"""

from collections import Counter
from typing import NamedTuple

from finetune.datasets.docstrings import Question
from finetune.datasets.words import normalised_words, word_stems

MIN_WORDS, MAX_WORDS = 3, 16  # words


class RuleChecks(NamedTuple):
    """Which checks an answer passes."""

    ends: bool
    brief: bool
    fresh: bool
    on_topic: bool


def rule_score(question: Question, answer: str, stopped: bool = True) -> float:
    """The share of the four checks that the answer passes."""
    passed = rule_checks(question, answer, stopped)
    return sum(passed) / len(passed)


def rule_checks(question: Question, answer: str, stopped: bool = True) -> RuleChecks:
    """The four checks, one by one.

    Args:
        question: what was asked.
        answer: the text.
        stopped: whether the model wrote its stop token, in place of being cut off at a length.
    """
    return RuleChecks(
        ends_with_full_stop(answer, stopped),
        is_brief(answer),
        has_no_repetition(answer),
        is_on_topic(question, answer),
    )


def ends_with_full_stop(answer: str, stopped: bool = True) -> bool:
    """The answer ends by itself, with a full stop."""
    return stopped and answer.rstrip().endswith(".")


def is_brief(answer: str) -> bool:
    """It has 3 to 16 words."""
    return MIN_WORDS <= len(normalised_words(answer)) <= MAX_WORDS


def has_no_repetition(answer: str) -> bool:
    """No three words in a row come twice, and no word three times in a row."""
    said = normalised_words(answer)
    triples = Counter(zip(said, said[1:], said[2:], strict=False))
    return all(n == 1 and len(set(triple)) > 1 for triple, n in triples.items())


def is_on_topic(question: Question, answer: str) -> bool:
    """It shares a stem with the dotted name: `Thread.start` of `threading` has threa and start."""
    return bool(word_stems(f"{question.module}.{question.name}") & word_stems(answer))
