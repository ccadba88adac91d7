"""Clip a gradient that is split into slices."""

import math


def clip_factor(lengths: list[float], clip: float) -> float:
    """Add the squares of the norms, as in the theorem of Pythagoras."""
    norm = math.hypot(*lengths)
    return 1.0 if norm <= clip else clip / norm
