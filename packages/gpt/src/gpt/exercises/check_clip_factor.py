"""Is the full gradient clipped, and by one factor?"""

import math
from collections.abc import Callable


def check(clip_factor: Callable[[list[float], float], float]) -> None:
    """Check cases that can be worked out in the head: norms 3 and 4 make 5."""
    cases = [
        ("too long", [3.0, 4.0], 1.0, 0.2),
        ("too long only together", [3.0, 4.0], 4.5, 0.9),
        ("short enough", [3.0, 4.0], 6.0, 1.0),
        ("one process", [2.0], 1.0, 0.5),
        ("no gradient at all", [0.0, 0.0], 1.0, 1.0),
    ]
    for name, lengths, clip, factor in cases:
        yours = clip_factor(lengths, clip)
        assert math.isclose(yours, factor), (
            f"{name}: {lengths} clipped to {clip} is multiplied by {factor}, not {yours}"
        )
