"""exp, log and tanh of any number that knows how: a float, or one of our own.

The numbers of `autograd` and of `explain` have methods of these names.
"""

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def exp(x: "Any") -> "Any":
    """The power e^x."""
    return math.exp(x) if isinstance(x, float) else x.exp()


def log(x: "Any") -> "Any":
    """The natural logarithm, ln x."""
    return math.log(x) if isinstance(x, float) else x.log()


def tanh(x: "Any") -> "Any":
    """The hyperbolic tangent, (e^x - e^-x) / (e^x + e^-x)."""
    return math.tanh(x) if isinstance(x, float) else x.tanh()
