"""Word problems from templates: a story about things that are counted, and a question.

    Mia has 12 apples. Mia buys 3 bags with 4 apples in each. Mia gives half of her apples to Leo.
    How many apples does Mia have now?

    The bags hold 3 * 4 = 12 apples. Then Mia has 12 + 12 = 24 apples. Then Mia has 24 / 2 = 12
    apples.

A story is a start, events and an ending. Each event changes the number and takes one step of
arithmetic, or two; all numbers are whole, and from 2 up. So the answer is exact, and the solution
is written together with the story.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gpt.errors import BadInput

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


@dataclass(frozen=True)
class Story:
    """A person, what the person has, and how many."""

    name: str
    friend: str
    """Takes part in the events."""
    neighbour: str
    """Is compared with the person at the end."""
    pronoun: str
    things: str
    container: str
    loses: str
    n_containers: int
    n: int
    now: str = ""
    """What a comparison says once something has happened."""

    @property
    def possessive(self) -> str:
        """Her or his."""
        return {"she": "her", "he": "his"}[self.pronoun]


class Event(NamedTuple):
    """What happens, the steps that calculate it, and the number afterwards."""

    sentence: str
    steps: tuple[str, ...]
    n: int


EventMaker = Callable[[Story, int], Event | None]
"""Makes an event from a story and an operand; None if the operand does not fit the story."""


def receive(story: Story, k: int) -> Event:
    """Add k things."""
    n = story.n + k
    return Event(
        f"{story.friend} gives {story.name} {k} more {story.things}.",
        (f"Then {story.name} has {story.n} + {k} = {n} {story.things}.",),
        n,
    )


def find(story: Story, k: int) -> Event:
    """Add k things without a friend."""
    return receive(story, k)._replace(
        sentence=f"{story.name} finds {k} more {story.things} at home."
    )


def lose(story: Story, k: int) -> Event:
    """Take k things away."""
    n = story.n - k
    return Event(
        f"{story.name} {story.loses} {k} {story.things}.",
        (f"Then {story.name} has {story.n} - {k} = {n} {story.things}.",),
        n,
    )


def give(story: Story, k: int) -> Event:
    """Take k things away, for a friend."""
    return lose(story, k)._replace(
        sentence=f"{story.name} gives {k} of {story.possessive} {story.things} to {story.friend}."
    )


def buy_containers(story: Story, k: int) -> Event:
    """Add a few containers with k things in each: two steps."""
    bought = story.n_containers * k
    n = story.n + bought
    return Event(
        f"{story.name} buys {story.n_containers} {story.container} "
        f"with {k} {story.things} in each.",
        (
            f"The {story.container} hold {story.n_containers} * {k} = {bought} {story.things}.",
            f"Then {story.name} has {story.n} + {bought} = {n} {story.things}.",
        ),
        n,
    )


def give_half(story: Story, k: int) -> Event | None:
    """Keep one half; the operand is not used."""
    n, rest = divmod(story.n, 2)
    sentence = f"{story.name} gives half of {story.possessive} {story.things} to {story.friend}."
    step = f"Then {story.name} has {story.n} / 2 = {n} {story.things}."
    return None if rest else Event(sentence, (step,), n)


def ask_now(story: Story, k: int) -> Event:
    """Ask for the number itself: no step."""
    return Event(f"How many {story.things} does {story.name} have now?", (), story.n)


def ask_share(story: Story, k: int) -> Event | None:
    """Divide among k children."""
    n, rest = divmod(story.n, k)
    return None if rest else Event(
        f"{story.name} shares all of the {story.things} equally among {k} children. "
        f"How many {story.things} does each child get?",
        (f"Each child gets {story.n} / {k} = {n} {story.things}.",),
        n,
    )  # fmt: skip


def ask_times(story: Story, k: int) -> Event:
    """Ask for another person, who has k times as many."""
    n = k * story.n
    times = "twice" if k == 2 else f"{k} times"
    return Event(
        f"{story.neighbour} has {times} as many {story.things} as {story.name}{story.now}. "
        f"How many {story.things} does {story.neighbour} have?",
        (f"{story.neighbour} has {k} * {story.n} = {n} {story.things}.",),
        n,
    )


def ask_price(story: Story, k: int) -> Event:
    """Sell everything for k dollars each."""
    n = k * story.n
    return Event(
        f"{story.name} sells all of {story.possessive} {story.things} for {k} dollars each. "
        f"How many dollars does {story.pronoun} get?",
        (f"{story.name} gets {k} * {story.n} = {n} dollars.",),
        n,
    )


def ask_together(story: Story, k: int) -> Event:
    """Ask for two persons, of whom the other has k more: two steps."""
    other = story.n + k
    n = story.n + other
    return Event(
        f"{story.neighbour} has {k} more {story.things} than {story.name}{story.now}. "
        "How many do they have together?",
        (
            f"{story.neighbour} has {story.n} + {k} = {other} {story.things}.",
            f"Together they have {story.n} + {other} = {n} {story.things}.",
        ),
        n,
    )


EVENTS: tuple[EventMaker, ...] = (receive, find, lose, give, buy_containers, give_half)
ENDINGS: tuple[EventMaker, ...] = (ask_now, ask_share, ask_times, ask_price, ask_together)


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
    others = random.permutation([other for other in names if other != name])[:2].tolist()
    things, container, loses = THINGS[random.integers(len(THINGS))]
    n_containers, n = int(random.integers(2, 6)), int(random.integers(2, largest + 1))
    return Story(name, *others, pronoun, things, container, loses, n_containers, n)
