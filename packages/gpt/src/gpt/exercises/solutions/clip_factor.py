"""Clip a gradient that lies in slices."""

import math


def clip_factor(lengths: list[float], clip: float) -> float:
    """The squares of lengths add up, as in the theorem of Pythagoras."""
    whole = math.hypot(*lengths)
    return 1.0 if whole <= clip else clip / whole
