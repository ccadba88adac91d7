"""The rule: four checks of a good answer, against which trained models are measured.

The score is the share of the checks that an answer passes, in [0, 1]. No model is shown the rule. A
reward model sees pairs of answers only, and its scores are compared with the rule. The rule looks
at form and at one shared word, so an answer that passes may still be wrong.
"""

from collections import Counter
from typing import NamedTuple

from finetune.datasets.questions import Question
from finetune.datasets.words import normalised_words, word_stems

MIN_WORDS, MAX_WORDS = 3, 16


class RuleChecks(NamedTuple):
    """Whether an answer passes each of the four checks."""

    ends: bool
    brief_enough: bool
    no_repetition: bool
    on_topic: bool


def rule_score(question: Question, answer: str, stopped: bool = True) -> float:
    """Return the share of the four checks that an answer passes."""
    passed = rule_checks(question, answer, stopped)
    return sum(passed) / len(passed)


def rule_checks(question: Question, answer: str, stopped: bool = True) -> RuleChecks:
    """Return the result of each check.

    Args:
        question: the question that was asked.
        answer: the text of the answer.
        stopped: whether the model ended it with its stop token, not by reaching a length limit.
    """
    return RuleChecks(
        ends_with_full_stop(answer, stopped),
        is_brief(answer),
        has_no_repetition(answer),
        is_on_topic(question, answer),
    )


def ends_with_full_stop(answer: str, stopped: bool = True) -> bool:
    """Return whether the model ended the answer, with a full stop."""
    return stopped and answer.rstrip().endswith(".")


def is_brief(answer: str) -> bool:
    """Return whether the answer has 3 to 16 words."""
    return MIN_WORDS <= len(normalised_words(answer)) <= MAX_WORDS


def has_no_repetition(answer: str) -> bool:
    """Return whether no three successive words occur twice, and no word three times in a row."""
    words = normalised_words(answer)
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    return all(n == 1 and len(set(triple)) > 1 for triple, n in triples.items())


def is_on_topic(question: Question, answer: str) -> bool:
    """Return whether the answer shares a stem with the dotted name of the definition.

    The stems of `threading.Thread.start` are threa and start.
    """
    return bool(word_stems(f"{question.module}.{question.name}") & word_stems(answer))
