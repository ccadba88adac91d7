"""The parts of a word problem: events that change a number, and endings that ask for it.

Each function takes a story and an operand, and returns a sentence, the steps of arithmetic that
follow from it, and the number afterwards; None if that would not be a whole number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Story:
    """A person who has `n` things, with the words that sentences about them need."""

    name: str
    friend: str
    """Name of a person who gives and takes in the events."""
    neighbour: str
    """Name of a person who is compared with the first one at the end."""
    pronoun: str
    things: str
    container: str
    loses: str
    n_containers: int
    n: int
    now: str = ""
    """Words that a comparison ends with after an event: ` has now`."""

    @property
    def possessive(self) -> str:
        """Possessive of the pronoun: her or his."""
        return {"she": "her", "he": "his"}[self.pronoun]


class Event(NamedTuple):
    """A sentence of the problem, the steps that calculate its result, and that number."""

    sentence: str
    steps: tuple[str, ...]
    n: int


EventMaker = Callable[[Story, int], Event | None]
"""Makes an event from a story and an operand; None if the operand does not fit the story."""


def receive(story: Story, k: int) -> Event:
    """Return the event that a friend gives k things: n + k."""
    n = story.n + k
    return Event(
        f"{story.friend} gives {story.name} {k} more {story.things}.",
        (f"Then {story.name} has {story.n} + {k} = {n} {story.things}.",),
        n,
    )


def find(story: Story, k: int) -> Event:
    """Return the event that k things are found: n + k, without a friend."""
    return receive(story, k)._replace(
        sentence=f"{story.name} finds {k} more {story.things} at home."
    )


def lose(story: Story, k: int) -> Event:
    """Return the event that k things are lost: n - k."""
    n = story.n - k
    return Event(
        f"{story.name} {story.loses} {k} {story.things}.",
        (f"Then {story.name} has {story.n} - {k} = {n} {story.things}.",),
        n,
    )


def give(story: Story, k: int) -> Event:
    """Return the event that a friend gets k things: n - k."""
    return lose(story, k)._replace(
        sentence=f"{story.name} gives {k} of {story.possessive} {story.things} to {story.friend}."
    )


def buy_containers(story: Story, k: int) -> Event:
    """Return the event that containers of k things are bought: two steps, * and +."""
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
    """Return the event that half of the things are given away: n / 2; k is not used."""
    n, rest = divmod(story.n, 2)
    sentence = f"{story.name} gives half of {story.possessive} {story.things} to {story.friend}."
    step = f"Then {story.name} has {story.n} / 2 = {n} {story.things}."
    return None if rest else Event(sentence, (step,), n)


def ask_now(story: Story, k: int) -> Event:
    """Return the question for n itself, which takes no step; k is not used."""
    return Event(f"How many {story.things} does {story.name} have now?", (), story.n)


def ask_share(story: Story, k: int) -> Event | None:
    """Return the question for the share of one of k children: n / k."""
    n, rest = divmod(story.n, k)
    return None if rest else Event(
        f"{story.name} shares all of the {story.things} equally among {k} children. "
        f"How many {story.things} does each child get?",
        (f"Each child gets {story.n} / {k} = {n} {story.things}.",),
        n,
    )  # fmt: skip


def ask_times(story: Story, k: int) -> Event:
    """Return the question how many a person has who has k times as many: k * n."""
    n = k * story.n
    times = "twice" if k == 2 else f"{k} times"
    return Event(
        f"{story.neighbour} has {times} as many {story.things} as {story.name}{story.now}. "
        f"How many {story.things} does {story.neighbour} have?",
        (f"{story.neighbour} has {k} * {story.n} = {n} {story.things}.",),
        n,
    )


def ask_price(story: Story, k: int) -> Event:
    """Return the question for the proceeds at k dollars each: k * n."""
    n = k * story.n
    return Event(
        f"{story.name} sells all of {story.possessive} {story.things} for {k} dollars each. "
        f"How many dollars does {story.pronoun} get?",
        (f"{story.name} gets {k} * {story.n} = {n} dollars.",),
        n,
    )


def ask_together(story: Story, k: int) -> Event:
    """Return the question for the sum with a person who has k more: two steps, + and +."""
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
