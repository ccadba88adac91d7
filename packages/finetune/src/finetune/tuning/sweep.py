"""A sweep: train with every combination of a few settings and sort by the loss on held-out data."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

from gpt.errors import BadInput, RunFailed


class SweepResult(NamedTuple):
    """One run of a sweep."""

    settings: dict[str, Any]
    loss: float
    """On held-out data; infinite where the run failed."""


def sweep(run: Callable[..., float], **axes: Sequence[Any]) -> list[SweepResult]:
    """`run(**settings)` for all combinations of the values on the axes, best first.

    `run` returns a loss on data that it did not train on. One that fails, because the loss is no
    longer a number, comes last, as a loss that is no number does.
    """
    if not axes or not all(map(len, axes.values())):
        raise BadInput(f"a sweep wants a value at least on each axis, got {axes}")
    outcomes = []
    for values in product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        try:
            loss = run(**settings)
        except RunFailed:
            loss = math.inf
        outcomes.append(SweepResult(settings, math.inf if math.isnan(loss) else loss))
    return sorted(outcomes, key=lambda outcome: outcome.loss)


def sweep_table(outcomes: Sequence[SweepResult]) -> str:
    """The outcomes as a Markdown table, in their order.

    Raises:
        BadInput: there are none.
    """
    if not outcomes:
        raise BadInput("there are no outcomes to show")
    names = [*outcomes[0].settings, "held-out loss"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---:|" * len(names)]
    for settings, loss in outcomes:
        cells = [*map(str, settings.values()), f"{loss:.4f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
