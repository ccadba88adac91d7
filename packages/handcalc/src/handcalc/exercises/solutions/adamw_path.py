"""One weight, several steps of AdamW (Loshchilov and Hutter 2019, algorithm 2)."""

import math


def adamw_path(w: float, gradients: list[float], rate: float, decay: float) -> list[float]:
    """Return the path; the decay acts on the old weight and never enters m and v."""
    m, v = 0.0, 0.0
    path: list[float] = []
    for step, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        of_m, of_v = m / (1 - 0.9**step), v / (1 - 0.999**step)
        w = w - rate * decay * w - rate * of_m / (math.sqrt(of_v) + 1e-8)
        path.append(w)
    return path
