r"""Learning-rate schedule: a linear warm-up, then half a cosine down to a floor."""

import math


def warmup_cosine(step: int, steps: int, warmup: int, peak: float, floor: float) -> float:
    r"""Return the learning rate of a step, counted from 0 to `steps` - 1.

    rate = peak (step + 1) / warmup                              while step < warmup
    rate = floor + (peak - floor) (1 + cos(pi t)) / 2            after, t from 0 to 1

    (warm-up: Goyal et al. 2017, section 2.2; cosine: Loshchilov and Hutter 2017, eq. 5.) The peak
    is reached at the end of the warm-up, the floor at the last step.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    t = (step - warmup) / max(steps - 1 - warmup, 1)
    return floor + (peak - floor) * (1 + math.cos(math.pi * t)) / 2
