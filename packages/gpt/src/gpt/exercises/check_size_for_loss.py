"""Is the size right, and is what no size reaches recognised?"""

import math
from collections.abc import Callable

from gpt.evaluation.scaling_law import PowerLaw


def check(size_for_loss: Callable[[PowerLaw, float], float]) -> None:
    """Check a law to work out with a pencil, its floor, and the way back from other laws."""
    law = PowerLaw(floor=1.0, coefficient=20.0, alpha=0.5)
    yours = size_for_loss(law, 1.25)
    # 20 / sqrt(N) = 0.25
    assert math.isclose(yours, 6400), f"1 + 20 / sqrt(N) is 1.25 at N = 6400, not {yours}"
    for loss in (1.0, 0.5):
        yours = size_for_loss(law, loss)
        assert yours == math.inf, f"no model reaches {loss} if the floor is 1, but you say {yours}"
    for law in (PowerLaw(0.0, 7.0, 0.1), PowerLaw(1.7, 400.0, 0.34)):
        yours = size_for_loss(law, law.loss(123_456))
        assert math.isclose(yours, 123_456, rel_tol=1e-6), f"{law}: not {yours}, but 123456"
