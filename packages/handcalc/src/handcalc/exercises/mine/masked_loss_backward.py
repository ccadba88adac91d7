"""Exercise of the chapter on the gradient of the loss: positions that do not count."""

from handcalc.calculation import Matrix


def masked_loss_backward(p: Matrix, targets: list[int | None]) -> Matrix:
    """Return the gradient at the logits of the mean loss over positions that have a target."""
    raise NotImplementedError
