"""Instructions that a program can check: does the model do what it was told?

After IFEval (Zhou et al. 2023): each prompt asks for things that need no judge, such as a number of
words. An answer is scored strictly as it stands, and loosely in eight versions that forgive what
chat models add around an answer. An empty answer follows nothing, though it has no comma.
"""

import itertools
import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gpt.errors import BadInput

Check = Callable[[str], bool]
"""Whether an answer does one thing that was asked."""


class Instruction(NamedTuple):
    """A prompt and what its answer must do."""

    prompt: str
    checks: tuple[Check, ...]


class InstructionAccuracy(NamedTuple):
    """Four accuracies: by prompts, all of whose checks must hold, and by single checks."""

    prompts_strict: float
    checks_strict: float
    prompts_loose: float
    checks_loose: float


def instruction_accuracy(
    instructions: Sequence[Instruction], answers: Sequence[str]
) -> InstructionAccuracy:
    """How well the answers do what the prompts asked."""
    if len(instructions) != len(answers) or not answers:
        raise BadInput(
            f"{len(instructions)} instructions need as many answers (and one at least), "
            f"got {len(answers)}"
        )
    shares: list[float] = []
    for versions in (strict_versions, loose_versions):
        held = [
            [any(map(check, versions(answer))) for check in instruction.checks]
            for instruction, answer in zip(instructions, answers, strict=True)
        ]
        single = [*itertools.chain(*held)]
        shares += [sum(map(all, held)) / len(held), sum(single) / len(single)]
    return InstructionAccuracy(*shares)


def strict_versions(answer: str) -> list[str]:
    """The answer alone, or nothing where it is empty."""
    return [answer.strip()] if answer.strip() else []


def loose_versions(answer: str) -> list[str]:
    """With and without asterisks, first line ("Sure, here it is:") and last line."""
    lines = answer.strip().split("\n")
    cuts = [lines[first : len(lines) - last] for first in (0, 1) for last in (0, 1)]
    kept = ["\n".join(cut).strip() for cut in cuts]
    return [text for each in kept for text in (each, each.replace("*", "")) if text.strip()]


def split_sentences(text: str) -> list[str]:
    """Pieces that end with . ! ? or a line; "e.g. this" is cut too, and so is a heading."""
    pieces = re.split(r"(?<=[.!?])\s+|\n+", text)
    return [piece.strip() for piece in pieces if re.search(r"\w", piece)]


def at_most_words(n: int) -> Check:
    """No more than n words; a word is what stands between spaces."""
    return lambda answer: len(answer.split()) <= n


def at_least_words(n: int) -> Check:
    """No fewer than n words."""
    return lambda answer: len(answer.split()) >= n


def contains_word(word: str) -> Check:
    """The whole word, in any case: `cat` is not in `category`."""
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    return lambda answer: whole.search(answer) is not None


def ends_with(ending: str) -> Check:
    """These are the last characters, but for spaces."""
    return lambda answer: answer.rstrip().endswith(ending)


def has_sentences(n: int) -> Check:
    """Exactly n sentences."""
    return lambda answer: len(split_sentences(answer)) == n


def has_no_commas(answer: str) -> bool:
    """Not one comma."""
    return "," not in answer


def is_lower_case(answer: str) -> bool:
    """Letters, and no capital among them."""
    return answer.islower()


def is_json(answer: str) -> bool:
    """The whole answer is one JSON value, and nothing else stands around it."""
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
    Instruction("Why do we sleep? Write in lower case only.", (is_lower_case,)),
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
        (is_lower_case, ends_with("sleep well.")),
    ),
    Instruction(
        "Give two fruits as a JSON list. Write in lower case.",
        (is_json, is_lower_case),
    ),
)
"""A dozen prompts, for a first look; IFEval has 541."""
