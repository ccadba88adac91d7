"""When to stop, and what to keep (Prechelt 1998, "Early stopping - but when?")."""


def early_stop(losses: list[float], patience: int) -> int:
    """The best round so far, as soon as `patience` rounds have come after it."""
    best = 0
    for now, loss in enumerate(losses):
        if loss < losses[best]:
            best = now
        if now - best == patience:
            break
    return best
