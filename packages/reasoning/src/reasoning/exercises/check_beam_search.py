"""Check a beam on a tree that can be searched with a pencil."""

from collections.abc import Callable

CHILDREN = {
    **{"root": ["c", "a", "b"], "a": ["a1", "a2"], "b": ["b1", "b2"], "c": ["c1"]},
    **{"a1": ["a1 end"], "a2": ["a2 end"], "b1": ["b1 end"], "b2": ["b2 end"], "c1": ["c1 end"]},
}
VALUES = {
    **{"a": 0.5, "b": 0.4, "c": 0.1, "a1": 0.3, "a2": 0.2, "b1": 0.95, "b2": 0.1, "c1": 0.9},
    **{"a1 end": 0.7, "a2 end": 1.0, "b1 end": 0.8, "b2 end": 0.05, "c1 end": 0.6},
}


def check(
    beam_search: Callable[[str, dict[str, list[str]], dict[str, float], int], str],
) -> None:
    """Compare with searches of three breadths, of a part of the tree, and of a single state."""
    cases = [
        ("one state per level: a, a1", "root", 1, "a1 end"),
        ("two of a level, not two of each parent: a and b, then b1 and a1", "root", 2, "b1 end"),
        ("three: a, b and c, then b1, c1 and a1", "root", 3, "b1 end"),
        ("everything fits into the beam", "root", 9, "a2 end"),
        ("from another root", "a", 2, "a2 end"),
        ("a complete state is its own end", "c1 end", 1, "c1 end"),
    ]
    for name, root, breadth, expected in cases:
        yours = beam_search(root, CHILDREN, VALUES, breadth)
        assert yours == expected, (
            f"{name}: breadth {breadth} from {root!r} finds {expected!r}, not {yours!r}"
        )
