"""Check the round whose weights early stopping keeps."""

from collections.abc import Callable


def check(early_stop: Callable[[list[float], int], int]) -> None:
    """Check short loss curves."""
    cases = [
        ("it falls to the end", [3.0, 2.0, 1.0], 1, 2),
        ("it rises at once", [1.0, 2.0, 3.0, 0.5], 2, 0),
        ("a bump within the patience", [3.0, 1.0, 2.0, 0.5, 0.9], 2, 3),
        ("better news come too late", [3.0, 1.0, 2.0, 2.0, 0.5], 2, 1),
        ("each better loss begins the patience anew", [3.0, 4.0, 2.0, 4.0, 1.0, 5.0], 2, 4),
        ("what is as good is not better", [1.0, 1.0, 1.0, 0.5], 2, 0),
        ("better than before, not than the best", [1.0, 3.0, 2.0, 0.5], 2, 0),
    ]
    for name, losses, patience, kept in cases:
        found = early_stop(list(losses), patience)
        assert found == kept, (
            f"{name}: of {losses} with patience {patience} round {kept} is kept, not {found}"
        )
