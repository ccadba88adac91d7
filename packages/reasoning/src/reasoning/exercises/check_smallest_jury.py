"""Check the size of a jury against sums worked out by hand."""

from collections.abc import Callable


def check(smallest_jury: Callable[[float, float], int | None]) -> None:
    """Compare with small juries, and with cases that no jury can win."""
    cases = [
        ("one vote is enough", 0.6, 0.6, 1),
        ("3 * 0.36 * 0.4 + 0.216 = 0.648", 0.6, 0.64, 3),
        ("three votes reach 0.648, five 0.683", 0.6, 0.65, 5),
        ("many votes of 0.6 for 0.95", 0.6, 0.95, 67),
        ("near one half it takes hundreds", 0.55, 0.95, 269),
        ("a coin never gets better", 0.5, 0.75, None),
        ("worse than a coin: one vote is best", 0.4, 0.4, 1),
        ("worse than a coin: no number helps", 0.4, 0.45, None),
        ("999 votes are not enough", 0.51, 0.95, None),
        ("never wrong", 1.0, 1.0, 1),
    ]
    for name, p, goal, expected in cases:
        yours = smallest_jury(p, goal)
        assert yours == expected, (
            f"{name}: votes of chance {p} with a goal of {goal} need {expected} votes, not {yours}"
        )
