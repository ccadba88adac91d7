"""Exercise of the chapter on training at scale: an optimizer that looks at signs."""


def lion_update(
    weight: float,
    gradient: float,
    mean: float,
    rate: float,
    betas: tuple[float, float],
    weight_decay: float,
) -> tuple[float, float]:
    """Return the weight and the mean after a step (Chen et al. 2023, algorithm 2).

    c = b1 m + (1 - b1) g
    w <- (1 - rate decay) w - rate sign(c)        the sign of 0 is 0
    m <- b2 m + (1 - b2) g
    """
    raise NotImplementedError
