"""A grid search: train with every combination of settings and sort by held-out loss."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

from gpt.errors import BadInput, RunFailed


class SweepResult(NamedTuple):
    """Settings and result of one run."""

    settings: dict[str, Any]
    loss: float
    """Held-out loss; infinite if the run failed."""


def sweep(run: Callable[..., float], **axes: Sequence[Any]) -> list[SweepResult]:
    """Call `run(**settings)` with every combination of values and sort the results, best first.

    `run` returns the loss on held-out data. Runs that fail or end with a NaN loss are sorted last.
    """
    if not axes or not all(map(len, axes.values())):
        raise BadInput(f"a sweep needs at least one value per setting, got {axes}")
    results = []
    for values in product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        try:
            loss = run(**settings)
        except RunFailed:
            loss = math.inf
        results.append(SweepResult(settings, math.inf if math.isnan(loss) else loss))
    return sorted(results, key=lambda result: result.loss)


def sweep_table(results: Sequence[SweepResult]) -> str:
    """Format the results as a Markdown table, in order.

    Raises:
        BadInput: there are no results.
    """
    if not results:
        raise BadInput("there are no results to show")
    names = [*results[0].settings, "held-out loss"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---:|" * len(names)]
    for settings, loss in results:
        cells = [*map(str, settings.values()), f"{loss:.4f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
