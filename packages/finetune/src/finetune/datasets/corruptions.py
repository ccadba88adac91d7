"""Worse answers made from documented ones: truncated, looped, shuffled, about another module.

A corruption returns an empty string where it is impossible, such as another order of one word.
"""

import random

from finetune.datasets.questions import Question, top_level_module
from finetune.datasets.rule import rule_score
from finetune.datasets.words import normalised_words

QuestionsByLength = dict[int, list[Question]]
"""Questions by the number of words in their answers."""


def corrupted_answer(
    kind: str,
    question: Question,
    by_length: QuestionsByLength,
    same_length: bool,
    generator: random.Random,
) -> str:
    """Return the answer with a corruption; `same_length` allows a difference of one word."""
    words = question.answer.removesuffix(".").split()
    match kind, same_length:
        case "cut", _:
            n_dropped = 1 if same_length else generator.randint(2, len(words) - 1)
            return truncated_sentence(words, n_dropped)
        case "looped", True:
            return looped_sentence_same_length(words, generator)
        case "looped", False:
            return looped_sentence(words, generator)
        case "shuffled", _:
            return shuffled_sentence(words, generator)
        case _:  # elsewhere
            return answer_about_other_module(question, by_length, generator)


def truncated_sentence(words: list[str], n_dropped: int) -> str:
    """Return a sentence without its last words and without a full stop."""
    return " ".join(words[:-n_dropped]).rstrip(".")


def looped_sentence(words: list[str], generator: random.Random) -> str:
    """Return a sentence in which three successive words are repeated once to three times."""
    end = generator.randint(3, len(words))
    n_repeats = generator.randint(1, 3)
    return join_sentence(words[:end] + words[end - 3 : end] * n_repeats + words[end:])


def looped_sentence_same_length(words: list[str], generator: random.Random) -> str:
    """Return a looped sentence whose repetition replaces its end. It needs six words."""
    if len(words) < 6:
        return ""
    n_repeats = generator.randint(1, len(words) // 3 - 1)
    kept = words[: len(words) - 3 * n_repeats]
    return join_sentence(kept + kept[-3:] * n_repeats)


def shuffled_sentence(words: list[str], generator: random.Random) -> str:
    """Return a sentence with its words in another order; the full stop stays at the end."""
    order = words
    while order == words and len(set(words)) > 1:
        order = generator.sample(words, len(words))
    return join_sentence(order) if order != words else ""


def answer_about_other_module(
    question: Question, by_length: QuestionsByLength, generator: random.Random
) -> str:
    """Return an answer about another top-level module whose length differs by at most one word.

    By the rule it is no better an answer to this question than the documented one.
    """
    length, score = len(normalised_words(question.answer)), rule_score(question, question.answer)
    candidates = [other for n in (length - 1, length, length + 1) for other in by_length.get(n, ())]
    for other in generator.sample(candidates, len(candidates)):
        if (
            top_level_module(other) != top_level_module(question)
            and rule_score(question, other.answer) <= score
        ):
            return other.answer
    return ""


def join_sentence(words: list[str]) -> str:
    """Return words as a sentence with a full stop."""
    return " ".join(words) + "."
