"""Exercise of the chapter on AdamW: one weight, several steps."""


def adamw_path(w: float, gradients: list[float], rate: float, decay: float) -> list[float]:
    """Return the weight after each gradient, with betas 0.9 and 0.999 and epsilon 1e-8."""
    raise NotImplementedError
