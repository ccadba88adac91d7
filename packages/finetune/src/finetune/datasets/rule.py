"""The rule, our true reward: four checks of a good answer, against which models are measured.

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
    """The model ended the answer, with a full stop."""
    brief_enough: bool
    """The answer has 3 to 16 words."""
    no_repetition: bool
    """No three successive words occur twice, and no word three times in a row."""
    on_topic: bool
    """The answer has a stem of the dotted name; `threading.Thread.start` has threa and start."""


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
    words = normalised_words(answer)
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    name = f"{question.module}.{question.name}"
    return RuleChecks(
        ends=stopped and answer.rstrip().endswith("."),
        brief_enough=MIN_WORDS <= len(words) <= MAX_WORDS,
        no_repetition=all(n == 1 and len(set(triple)) > 1 for triple, n in triples.items()),
        on_topic=bool(word_stems(name) & word_stems(answer)),
    )
