"""Check the chance of a right choice against sums worked out by hand."""

import math
from collections.abc import Callable


def check(best_of_n_chance: Callable[[float, float, float, int], float]) -> None:
    """Compare with perfect, blind and useless verifiers, and with false hits."""
    cases = [
        ("a perfect verifier needs one right sample: 1 - 0.25", 0.5, 1.0, 0.0, 2, 0.75),
        ("a blind verifier takes the first sample", 0.3, 1.0, 1.0, 8, 0.3),
        ("one sample: 0.5, whatever else is accepted", 0.5, 1.0, 0.5, 1, 0.5),
        ("two samples, half of the wrong ones pass: 0.5 + 0.25 * 0.5", 0.5, 1.0, 0.5, 2, 0.625),
        ("some right samples are refused: 0.4 + 0.5 * 0.4", 0.5, 0.8, 0.2, 2, 0.6),
        ("nothing is accepted", 0.5, 0.0, 0.0, 8, 0.0),
        ("only wrong samples are accepted", 0.5, 0.0, 1.0, 8, 0.0),
        ("no sample is right", 0.0, 1.0, 0.1, 8, 0.0),
        ("every sample is right", 1.0, 1.0, 0.5, 3, 1.0),
        ("with many samples: 0.1 / (0.1 + 0.9 * 0.1)", 0.1, 1.0, 0.1, 500, 0.1 / 0.19),
    ]
    for name, p, accepts_right, accepts_wrong, n, expected in cases:
        yours = best_of_n_chance(p, accepts_right, accepts_wrong, n)
        assert math.isclose(yours, expected, abs_tol=1e-9), (
            f"{name}: best_of_n_chance({p}, {accepts_right}, {accepts_wrong}, {n}) is "
            f"{expected:.6f}, not {yours}"
        )
