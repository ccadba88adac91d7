"""`handcalc compare`: our results against PyTorch's, our speed against our autograd engine's."""

import argparse
import json
import platform
from importlib import import_module

from handcalc.comparison import equality, speed
from handcalc.comparison.rows import Row


def run(options: argparse.Namespace) -> int:
    """Compute the rows and print them; return 1 if a row is not equal."""
    try:
        import_module("handcalc.baselines")
    except ImportError as error:
        raise ValueError(str(error)) from error
    rows = [*equality.step_rows(), *equality.optimizer_rows(), speed.speed_row()]
    costs = speed.measure_costs()
    if options.json:
        computed = ("speedup", "ok", "slow")
        found = [vars(row) | {name: getattr(row, name) for name in computed} for row in rows]
        print(json.dumps({"rows": found, "cost": [cost._asdict() for cost in costs]}))
    else:
        print_rows(rows)
        print_costs(costs)
    return 0 if all(row.ok for row in rows) else 1


def print_rows(rows: list[Row]) -> None:
    """Print the comparison as a table."""
    print(f"Python {platform.python_version()}, one core")
    print(f"{'compared':48} {'with':21}{'difference':>11}{'allowed':>9}{'ours':>10}{'theirs':>10}"
          f"{'speedup':>9}{'floor':>7}")  # fmt: skip
    for row in rows:
        times = "".join(
            f"{'' if s is None else f'{1000 * s:.1f} ms':>10}" for s in (row.ours_s, row.library_s)
        )
        ratio = "" if row.speedup is None else f"{row.speedup:.1f}"
        floor = "" if row.floor is None else f"{row.floor:g}"
        verdict = ("ok" if row.ok else "NOT EQUAL") + (", slow" if row.slow else "")
        print(f"{row.name:48} {row.library:21}{row.max_abs_diff:11.1e}{row.tolerance:9.0e}{times}"
              f"{ratio:>9}{floor:>7}  {verdict}")  # fmt: skip
        if row.note:
            print(f"    {row.note}")


def print_costs(costs: list[speed.Cost]) -> None:
    """Print how the time of a step grows with the number of tokens and of weights."""
    print("\ntime of a step as tokens and weights grow, relative to the first line:")
    print(f"{'tokens':>8}{'weights':>9}{'product':>9}{'time':>9}{'per token and weight':>22}")
    first = costs[0]
    for cost in costs:
        product = cost.tokens * cost.weights / (first.tokens * first.weights)
        print(f"{cost.tokens:8}{cost.weights:9,}{product:8.2f}x{cost.seconds / first.seconds:8.2f}x"
              f"{cost.nanoseconds:19.0f} ns")  # fmt: skip
