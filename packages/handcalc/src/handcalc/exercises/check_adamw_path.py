"""Check the path of a weight under AdamW."""

from collections.abc import Callable

from handcalc.training.optimizers import adam_move, moments

Path = Callable[[float, list[float], float, float], list[float]]


def check(adamw_path: Path) -> None:
    """Check first steps by hand, a weight with zero gradients, then a longer path."""
    cases = [
        ("the first step is the rate", 0.5, [3.0], 0.1, 0.0, [0.4]),
        ("so is every step while gradients agree", 0.5, [3.0, 3.0], 0.1, 0.0, [0.4, 0.3]),
        ("without a gradient only the decay moves", 2.0, [0.0, 0.0], 0.1, 0.5, [1.9, 1.805]),
        ("the decay is that of the weight as it was", 1.0, [3.0], 0.1, 0.5, [0.85]),
    ]
    for name, w, gradients, rate, decay, expected in cases:
        compare(name, adamw_path(w, gradients, rate, decay), expected)

    gradients = [1.0, -2.0, 0.5, 0.5, 4.0, -1.0]
    found = adamw_path(-0.7, list(gradients), 0.01, 0.1)
    compare(f"gradients {gradients}", found, path(-0.7, gradients, 0.01, 0.1))


def path(w: float, gradients: list[float], rate: float, decay: float) -> list[float]:
    """Return the path by the functions of the package."""
    m, v, found = [0.0], [0.0], [w]
    for step, g in enumerate(gradients, start=1):
        m, v = moments(m, v, [g], 0.9, 0.999)
        found += adam_move([found[-1]], m, v, rate, 0.9, 0.999, 1e-8, decay, float(step))
    return found[1:]


def compare(name: str, found: list[float], expected: list[float]) -> None:
    """Assert that two paths are equal."""
    same = len(found) == len(expected)
    same = same and all(abs(a - b) < 1e-7 for a, b in zip(found, expected, strict=True))
    assert same, f"{name}: the path is {expected}, not {found}"
