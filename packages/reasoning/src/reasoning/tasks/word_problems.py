"""Word problems from templates: a story about things that are counted, and a question.

    Mia has 12 apples. Mia buys 3 bags with 4 apples in each. Mia gives half of her apples to Leo.
    How many apples does Mia have now?

    The bags hold 3 * 4 = 12 apples. Then Mia has 12 + 12 = 24 apples. Then Mia has 24 / 2 = 12
    apples.

A story is a start, events and an ending. Each event changes the number and takes one step of
arithmetic, or two; all numbers are whole, and from 2 up. So the answer is exact, and the solution
is written together with the story.
"""

from typing import NamedTuple

import numpy as np

from gpt.errors import BadInput
from reasoning.tasks.stories import ENDINGS, EVENTS, EventMaker, Story

NAMES = {
    "she": ("Mia", "Anna", "Lena", "Zoe", "Nina", "Ruth", "Clara", "Ella", "Ida", "Maya"),
    "he": ("Leo", "Tom", "Ben", "Max", "Noah", "Paul", "Sam", "Finn", "Omar", "Jack"),
}
THINGS = (
    *(("apples", "bags", "eats"), ("cookies", "boxes", "eats"), ("pencils", "boxes", "loses")),
    *(("marbles", "bags", "loses"), ("stickers", "packs", "uses"), ("cards", "packs", "loses")),
    *(("books", "boxes", "sells"), ("flowers", "bunches", "sells"), ("eggs", "cartons", "uses")),
    *(("balloons", "packs", "pops"), ("stamps", "packs", "uses"), ("oranges", "crates", "eats")),
)
"""Things that are counted, what they come in, and how one gets rid of them."""
MAX_STEPS = 5
ATTEMPTS = 50
"""Stories that are begun before another ending is drawn."""
MAX_ENDINGS = 20
"""Endings that are drawn before a request counts as impossible."""


class WordProblem(NamedTuple):
    """A story with its question, and its solution."""

    question: str
    steps: tuple[str, ...]
    """The solution, a sentence for each step of arithmetic."""
    answer: int


def sample_word_problem(
    random: np.random.Generator, n_steps: int, largest: int = 20, largest_result: int = 200
) -> WordProblem:
    """Draw a problem of exactly `n_steps` steps of arithmetic.

    Args:
        random: the source of randomness.
        n_steps: the number of steps, 1 to MAX_STEPS.
        largest: largest number in the text, at least 5.
        largest_result: largest result of a step.

    Raises:
        BadInput: the numbers are out of range, or no such problem is found.
    """
    if not 1 <= n_steps <= MAX_STEPS or largest < 5:
        raise BadInput(
            f"a word problem has 1 to {MAX_STEPS} steps and numbers up to at least 5, "
            f"got {n_steps} steps and numbers up to {largest}"
        )
    for _ in range(MAX_ENDINGS):
        ending = ENDINGS[random.integers(len(ENDINGS))]
        for _ in range(ATTEMPTS):
            problem = try_word_problem(random, ending, n_steps, largest, largest_result)
            if problem is not None:
                return problem
    raise BadInput(f"found no problem of {n_steps} steps with results up to {largest_result}")


def try_word_problem(
    random: np.random.Generator,
    ending: EventMaker,
    n_steps: int,
    largest: int,
    largest_result: int,
) -> WordProblem | None:
    """Tell one story; None if it needs too many steps, or if its numbers do not work out."""
    story = sample_story(random, largest)
    sentences, steps = [f"{story.name} has {story.n} {story.things}."], []
    makers = [EVENTS[i] for i in random.permutation(len(EVENTS))[: random.integers(0, n_steps + 1)]]
    for maker in [*makers, ending]:
        event = maker(story, int(random.integers(2, largest + 1)))
        if event is None or not 2 <= event.n <= largest_result:
            return None
        sentences.append(event.sentence)
        steps += event.steps
        story = Story(**vars(story) | {"n": event.n, "now": " has now"})
    if len(steps) != n_steps:
        return None
    return WordProblem(" ".join(sentences), tuple(steps), story.n)


def sample_story(random: np.random.Generator, largest: int) -> Story:
    """Draw two persons, a thing and its number."""
    pronoun = ("she", "he")[random.integers(2)]
    names = [*NAMES["she"], *NAMES["he"]]
    name = NAMES[pronoun][random.integers(len(NAMES[pronoun]))]
    others = [other for other in names if other != name]
    friend, neighbour = (others[place] for place in random.permutation(len(others))[:2])
    things, container, loses = THINGS[random.integers(len(THINGS))]
    n_containers, n = int(random.integers(2, 6)), int(random.integers(2, largest + 1))
    return Story(name, friend, neighbour, pronoun, things, container, loses, n_containers, n)
