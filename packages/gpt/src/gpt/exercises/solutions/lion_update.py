"""An optimizer that looks at signs (Chen et al. 2023, algorithm 2)."""


def lion_update(
    weight: float,
    gradient: float,
    mean: float,
    rate: float,
    betas: tuple[float, float],
    weight_decay: float,
) -> tuple[float, float]:
    """Update with a fresher mean than the one that is kept."""
    beta1, beta2 = betas
    fresh = beta1 * mean + (1 - beta1) * gradient
    sign = (fresh > 0) - (fresh < 0)
    kept = beta2 * mean + (1 - beta2) * gradient
    return (1 - rate * weight_decay) * weight - rate * sign, kept
