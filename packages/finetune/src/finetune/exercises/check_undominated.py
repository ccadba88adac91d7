"""Are these the policies that no other beats?"""

from collections.abc import Callable

Policies = dict[str, tuple[float, float]]


def check(undominated: Callable[[Policies], list[str]]) -> None:
    """Small sets of policies, named in the order of the answer."""
    cases: list[tuple[str, Policies, list[str]]] = [
        ("a lone policy stays", {"a": (1.0, 0.5)}, ["a"]),
        (
            "farther away for more reward is a choice",
            {"b": (2.0, 0.9), "a": (1.0, 0.5)},
            ["a", "b"],
        ),
        (
            "farther away for less reward is not",
            {"a": (1.0, 0.5), "b": (2.0, 0.4), "c": (3.0, 0.8)},
            ["a", "c"],
        ),
        ("as much reward farther away is not", {"a": (1.0, 0.5), "b": (2.0, 0.5)}, ["a"]),
        ("less reward at the same distance is not", {"b": (1.0, 0.4), "a": (1.0, 0.5)}, ["a"]),
        ("two equals beat neither", {"a": (1.0, 0.5), "b": (1.0, 0.5)}, ["a", "b"]),
        (
            "the last one kept is what counts, not the last one seen",
            {"a": (1.0, 0.7), "b": (2.0, 0.1), "c": (3.0, 0.5), "d": (4.0, 0.8)},
            ["a", "d"],
        ),
    ]
    for what, policies, kept in cases:
        yours = undominated(policies)
        assert yours == kept, f"{what}: of {policies} keep {kept}, not {yours}"
