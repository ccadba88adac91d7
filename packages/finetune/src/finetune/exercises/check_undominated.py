"""Check for the policies that no other policy beats."""

from collections.abc import Callable

Policies = dict[str, tuple[float, float]]


def check(undominated: Callable[[Policies], list[str]]) -> None:
    """Compare with small sets of policies, named in the order of the answer."""
    cases: list[tuple[str, Policies, list[str]]] = [
        ("a single policy is kept", {"a": (1.0, 0.5)}, ["a"]),
        (
            "a higher KL for more reward is kept",
            {"b": (2.0, 0.9), "a": (1.0, 0.5)},
            ["a", "b"],
        ),
        (
            "a higher KL for less reward is not",
            {"a": (1.0, 0.5), "b": (2.0, 0.4), "c": (3.0, 0.8)},
            ["a", "c"],
        ),
        ("a higher KL for equal reward is not", {"a": (1.0, 0.5), "b": (2.0, 0.5)}, ["a"]),
        ("less reward at the same KL is not", {"b": (1.0, 0.4), "a": (1.0, 0.5)}, ["a"]),
        ("equal policies are both kept", {"a": (1.0, 0.5), "b": (1.0, 0.5)}, ["a", "b"]),
        (
            "compare with the last one kept, not with the last one seen",
            {"a": (1.0, 0.7), "b": (2.0, 0.1), "c": (3.0, 0.5), "d": (4.0, 0.8)},
            ["a", "d"],
        ),
    ]
    for what, policies, kept in cases:
        yours = undominated(policies)
        assert yours == kept, f"{what}: of {policies} keep {kept}, not {yours}"
