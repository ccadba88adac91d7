"""Check the answers that follow from a changed step against chains worked out by hand."""

from collections.abc import Callable

from reasoning.tasks.chain import Chain


def check(followed_answer: Callable[[Chain, int, int], int | None]) -> None:
    """Compare with answers of 7 + 12 * 3 - 20, calculated from left to right, and its limits."""
    chain = Chain(7, (("+", 12), ("*", 3), ("-", 20)))
    cases = [
        ("nothing is changed: 19, 57, 37", 0, 19, 37),
        ("20 * 3 - 20", 0, 20, 40),
        ("61 - 20", 1, 61, 41),
        ("the last result is the answer", 2, 50, 50),
        ("66 * 3 = 198 is still a number of the vocabulary", 0, 66, 178),
        ("67 * 3 = 201 is not, although 201 - 20 = 181 would be", 0, 67, None),
        ("20 - 20 = 0 is below 1", 1, 20, None),
        ("21 - 20 = 1 is not", 1, 21, 1),
        ("3 * 3 - 20 is below 0", 0, 3, None),
    ]
    for name, step, changed, expected in cases:
        yours = followed_answer(chain, step, changed)
        assert yours == expected, (
            f"{name}: 7 + 12 * 3 - 20 with the result {changed} at step {step} has the answer "
            f"{expected}, not {yours}"
        )
