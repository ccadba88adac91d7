"""Instruction following: prompts with requirements that a program can check.

After IFEval (Zhou et al. 2023): each prompt asks for something that needs no judge, such as a
number of words. Strict scoring checks the answer itself; loose scoring accepts any of eight
versions of it, without the additions that chat models make around an answer. An empty answer fails
every check, even "no commas".
"""

import itertools
import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gpt.errors import BadInput

Check = Callable[[str], bool]
"""check(answer) says whether the answer meets one requirement."""


class Instruction(NamedTuple):
    """A prompt and the checks that its answer must pass."""

    prompt: str
    checks: tuple[Check, ...]


class InstructionAccuracy(NamedTuple):
    """Share of prompts whose checks all pass, and share of single checks that pass."""

    prompts_strict: float
    checks_strict: float
    prompts_loose: float
    checks_loose: float


def instruction_accuracy(
    instructions: Sequence[Instruction], answers: Sequence[str]
) -> InstructionAccuracy:
    """Compute the accuracies of answers to the instructions, strict and loose."""
    if len(instructions) != len(answers) or not answers:
        raise BadInput(
            f"instructions and answers must be equally many and at least one, "
            f"got {len(instructions)} and {len(answers)}"
        )
    shares: list[float] = []
    for versions in (lambda answer: [answer.strip()], loose_versions):
        held = [
            [any(map(check, filter(None, versions(answer)))) for check in instruction.checks]
            for instruction, answer in zip(instructions, answers, strict=True)
        ]
        single = [*itertools.chain(*held)]
        shares += [sum(map(all, held)) / len(held), sum(single) / len(single)]
    return InstructionAccuracy(*shares)


def loose_versions(answer: str) -> list[str]:
    """Return versions with and without asterisks, first line ("Sure, here it is:"), last line."""
    lines = answer.strip().split("\n")
    cuts = [lines[first : len(lines) - last] for first in (0, 1) for last in (0, 1)]
    kept = ["\n".join(cut).strip() for cut in cuts]
    return [text for each in kept for text in (each, each.replace("*", "")) if text.strip()]


def split_sentences(text: str) -> list[str]:
    """Split after . ! ? and at line breaks; "e.g. this" is split too, and headings count."""
    pieces = re.split(r"(?<=[.!?])\s+|\n+", text)
    return [piece.strip() for piece in pieces if re.search(r"\w", piece)]


def at_most_words(n: int) -> Check:
    """Check for at most n words, separated by white space."""
    return lambda answer: len(answer.split()) <= n


def at_least_words(n: int) -> Check:
    """Check for at least n words, separated by white space."""
    return lambda answer: len(answer.split()) >= n


def contains_word(word: str) -> Check:
    """Check for a whole word, in any case: `cat` is not in `category`."""
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    return lambda answer: whole.search(answer) is not None


def ends_with(ending: str) -> Check:
    """Check for the last characters, ignoring white space after them."""
    return lambda answer: answer.rstrip().endswith(ending)


def has_sentences(n: int) -> Check:
    """Check for exactly n sentences."""
    return lambda answer: len(split_sentences(answer)) == n


def has_no_commas(answer: str) -> bool:
    """Check that the answer contains no comma."""
    return "," not in answer


def is_json(answer: str) -> bool:
    """Check that the whole answer is one JSON value."""
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return True


INSTRUCTIONS = (
    Instruction("What is Python? Answer in at most 15 words.", (at_most_words(15),)),
    Instruction("Describe the sea in at least 20 words.", (at_least_words(20),)),
    Instruction("What do I need in the rain? Use the word umbrella.", (contains_word("umbrella"),)),
    Instruction("Name three colours. Do not use any commas.", (has_no_commas,)),
    Instruction('Thank a friend. End with "See you soon!"', (ends_with("See you soon!"),)),
    Instruction("Why do we sleep? Write in lower case only.", (str.islower,)),
    Instruction("How do birds fly? Write exactly two sentences.", (has_sentences(2),)),
    Instruction("Give the name and the age of a cat as JSON, nothing else.", (is_json,)),
    Instruction(
        "Describe a tree in at least 5 and at most 10 words.",
        (at_least_words(5), at_most_words(10)),
    ),
    Instruction(
        "What is a list? Write one sentence with the word order and without commas.",
        (has_sentences(1), contains_word("order"), has_no_commas),
    ),
    Instruction(
        'Say good night in lower case and end with "sleep well."',
        (str.islower, ends_with("sleep well.")),
    ),
    Instruction(
        "Give two fruits as a JSON list. Write in lower case.",
        (is_json, str.islower),
    ),
)
"""Twelve prompts for a first impression; IFEval has 541."""
