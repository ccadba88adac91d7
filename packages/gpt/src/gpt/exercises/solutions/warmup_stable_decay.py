"""A schedule that need not know where it ends (Hu et al. 2024, MiniCPM, section 4.2)."""


def warmup_stable_decay(step: int, steps: int, warmup: int, decay: int, peak: float) -> float:
    """The rate of step 0, 1, ..., steps - 1: a climb, a plain, a descent."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if step >= steps - decay:
        return peak * (steps - step) / (decay + 1)
    return peak
