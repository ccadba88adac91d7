"""Early stopping: when to stop, and what to keep (Prechelt 1998, "Early stopping - but when?")."""


def early_stop(losses: list[float], patience: int) -> int:
    """Return the best round so far, once `patience` rounds have followed it."""
    best = 0
    for now, loss in enumerate(losses):
        if loss < losses[best]:
            best = now
        if now - best == patience:
            break
    return best
