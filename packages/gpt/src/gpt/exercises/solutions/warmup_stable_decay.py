"""A schedule that need not know when it ends (Hu et al. 2024, MiniCPM, section 4.2)."""


def warmup_stable_decay(step: int, steps: int, warmup: int, decay: int, peak: float) -> float:
    """Return the learning rate of a step: linear warm-up, constant, linear decay."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if step >= steps - decay:
        return peak * (steps - step) / (decay + 1)
    return peak
