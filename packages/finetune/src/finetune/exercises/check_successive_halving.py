"""Check that the better half continues with twice the steps until one is left."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """Settings with given losses, and the expected rounds and winner."""

    losses: dict[str, str]
    """Loss of each setting in rounds one, two and three, a digit each; n is NaN."""
    rounds: list[str]
    """Settings that run in each round."""
    winner: str


CASES = {
    "four settings": Case({"a": "333", "b": "111", "c": "222", "d": "444"}, ["abcd", "bc"], "b"),
    "one starts badly": Case({"a": "400", "b": "333", "c": "121", "d": "212"}, ["abcd", "cd"], "d"),
    "the last round": Case({"a": "121", "b": "211", "c": "300", "d": "400"}, ["abcd", "ab"], "b"),
    "five settings": Case(
        {"a": "500", "b": "321", "c": "212", "d": "130", "e": "400"}, ["abcde", "bcd", "bc"], "b"
    ),
    "a NaN loss": Case({"a": "n00", "b": "788", "c": "900", "d": "699"}, ["abcd", "bd"], "b"),
    "two NaN losses": Case({"a": "n00", "b": "n00", "c": "955", "d": "866"}, ["abcd", "cd"], "c"),
    "a single setting": Case({"a": "111"}, [], "a"),
}


def check(successive_halving: Callable[[Callable[[Any, int], float], Any, int], Any]) -> None:
    """Run every case, starting with 5 steps."""
    for name, case in CASES.items():
        calls: list[tuple[str, int]] = []
        yours = successive_halving(recording_run(case, calls), [*case.losses], 5)
        right = yours == case.winner
        assert right, (
            f"{name}: the winner must be {case.winner!r}, not {yours!r}; the runs were {calls}"
        )
        expected = [(each, 5 * 2**i) for i, who in enumerate(case.rounds) for each in who]
        right = Counter(calls) == Counter(expected)
        assert right, f"{name}: the runs must be {expected}, not {calls}"


def recording_run(case: Case, calls: list[tuple[str, int]]) -> Callable[[str, int], float]:
    """Make a run function that looks up its loss and records the call."""

    def run(setting: str, steps: int) -> float:
        calls.append((setting, steps))
        rounds = {5: 0, 10: 1, 20: 2}
        assert steps in rounds, f"rounds take 5, 10 and 20 steps here, not {steps}"
        loss = case.losses[setting][rounds[steps]]
        return math.nan if loss == "n" else float(loss)

    return run
