"""Does the learning rate rise, stay constant and fall as it should?"""

import math
from collections.abc import Callable


def check(warmup_stable_decay: Callable[[int, int, int, int, float], float]) -> None:
    """Check ten steps to work out in the head, then schedules without warm-up or decay."""
    rates = [warmup_stable_decay(step, 10, 2, 4, 1.0) for step in range(10)]
    expected = [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2]
    for step, (rate, right) in enumerate(zip(rates, expected, strict=True)):
        assert math.isclose(rate, right), f"step {step} of 10 has the rate {right}, not {rate}"

    first = warmup_stable_decay(0, 10, 0, 4, 1.0)
    assert first == 1.0, f"without a warm-up the first rate is the peak, not {first}"
    last = warmup_stable_decay(9, 10, 2, 0, 3.0)
    assert last == 3.0, f"without decay the last rate is the peak, not {last}"
