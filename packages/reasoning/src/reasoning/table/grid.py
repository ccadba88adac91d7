"""The table as it is printed: one line per row, and one per claim."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from reasoning.table.claims import ClaimResult
from reasoning.table.countdown_rows import COUNTDOWN_ROWS
from reasoning.table.report import RowRate

LETTERS = "m the model, v a verifier, r the rules, e the end test"
"""Legend of the letters in the column `uses`."""


def rates_grid(task: str, rates: Mapping[str, RowRate], title: str) -> Table:
    """Return the rates of the rows of a task, what they cost per problem, and what they use."""
    columns = ("right, %", "95 % interval", "generated", "read", "states", "uses")
    grid = Table("", *columns, title=title, box=None, padding=(0, 1, 0, 0))
    grid.columns[0].no_wrap = True
    for name, rate in rates.items():
        grid.add_row(
            name,
            f"{100 * rate.right:.1f}",
            f"{100 * rate.low:.1f} to {100 * rate.high:.1f}",
            *(f"{number:.0f}" for number in (rate.generated, rate.read, rate.evaluated)),
            COUNTDOWN_ROWS[name].oracles if task == "countdown" else "m",
        )
    return grid


def claims_grid(results: Sequence[ClaimResult]) -> Table:
    """Return the claims about the rows, with the measured differences in points."""
    columns = ("points (95 % interval, paired)", "more than", "more tokens", "")
    grid = Table("", *columns, box=None)
    for each in results:
        claim, gain = each.claim, each.gain.in_points()
        grid.add_row(
            f"{claim.better} over {claim.worse}",
            gain,
            f"{claim.points:g}",
            f"{each.more_tokens:+.0f}" + " (claim: 0 or less)" * claim.is_cheaper,
            "holds" if each.holds else "does not hold",
        )
    return grid
