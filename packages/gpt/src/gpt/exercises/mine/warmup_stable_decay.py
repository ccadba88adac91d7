"""Exercise of the chapter on training: a schedule that need not know when it ends."""


def warmup_stable_decay(step: int, steps: int, warmup: int, decay: int, peak: float) -> float:
    """Return the learning rate of step 0, 1, ..., steps - 1 (Hu et al. 2024).

    rate = peak (step + 1) / warmup              in the first `warmup` steps
    rate = peak                                  in between
    rate = peak (steps - step) / (decay + 1)     in the last `decay` steps
    """
    raise NotImplementedError
