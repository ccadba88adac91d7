"""The gradient at the logits when some positions do not count."""

from handcalc.calculation import Matrix


def masked_loss_backward(p: Matrix, targets: list[int | None]) -> Matrix:
    """(p[t][v] - [v is the target]) / n, n the positions that count; 0 at all others."""
    n = len([target for target in targets if target is not None])
    return [
        [0.0] * len(row)
        if target is None
        else [(share - (v == target)) / n for v, share in enumerate(row)]
        for row, target in zip(p, targets, strict=True)
    ]
