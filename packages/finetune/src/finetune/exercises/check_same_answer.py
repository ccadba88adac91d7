"""Check that the detector finds one answer given to everything, and nothing else."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from finetune.diagnosis.pitfalls import Finding

OTHERS = [f"answer number {n}" for n in range(20)]


def check(same_answer: Callable[..., Finding | None]) -> None:
    """Compare with lists of answers and the share of the most frequent, or None if all is well."""
    cases: list[tuple[str, Sequence[str], dict[str, Any], float | None]] = [
        ("all different", OTHERS, {}, None),
        ("all equal", ["Set the file."] * 12, {}, 1.0),
        ("half of them", ["Yes."] * 10 + OTHERS[:10], {}, 0.5),
        ("equal except for capitals and spaces", ["Set it.", "set  it.", "SET IT. "] * 4, {}, 1.0),
        ("exactly the allowed share", ["Yes."] * 3 + OTHERS[:7], {}, None),
        ("many pairs of answers", [each for each in OTHERS[:10] for _ in range(2)], {}, None),
        ("a stricter limit", ["Yes."] * 3 + OTHERS[:7], {"most": 0.2}, 0.3),
        ("too few to say", ["Yes."] * 9, {}, None),
        ("few are enough if you say so", ["Yes."] * 4, {"least": 4}, 1.0),
        ("none", [], {"least": 0}, None),
        ("the most frequent is not the first", [*OTHERS[:5], *["No."] * 5], {}, 0.5),
    ]
    for name, answers, settings, expected in cases:
        found = same_answer([*answers], **settings)
        if expected is None:
            assert found is None, f"{name}: there must be no finding, got {found}"
            continue
        assert isinstance(found, Finding), f"{name}: expected a Finding, got {found!r}"
        assert found.name == "same answer", f"{name}: the name must be 'same answer'"
        right = math.isclose(found.value, expected)
        assert right, f"{name}: the share is {expected}, not {found.value}"
    finding = same_answer([*OTHERS[:5], *["No."] * 5])
    right = finding is not None and "no." in finding.message.lower()
    assert right, "the message must quote the answer"
