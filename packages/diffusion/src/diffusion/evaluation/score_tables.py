"""Tables of the measures of `diffusion eval`: a row or a column for each guidance weight."""

from dataclasses import fields

from rich.console import Console
from rich.table import Table

from diffusion.evaluation.digits import DigitScores
from diffusion.evaluation.emoji import EmojiScores
from diffusion.evaluation.points import PointScores
from diffusion.evaluation.shapes import ShapeScores
from gpt.evaluation.intervals import Interval


def print_point_scores(velocity_error: float, rows: list[PointScores]) -> None:
    """Print a row of measures for each guidance weight."""
    print(f"mean squared error of the velocity: {velocity_error:.4f}")
    columns = ("guidance", "on a component (real)", "right", "energy (real)")
    table = Table(*columns, "sliced W (real)", box=None)
    for row in rows:
        table.add_row(
            f"{row.guidance:g}",
            f"{row.on_component:.1%} ({row.real_on_component:.1%})",
            "" if row.right_component is None else f"{row.right_component:.1%}",
            f"{row.energy:z.4f} ({row.energy_floor:z.4f})",
            f"{row.sliced:.3f} ({row.sliced_floor:.3f})",
        )
    Console().print(table)


def print_digit_scores(judge_accuracy: float, rows: list[DigitScores]) -> None:
    """Print a row of measures for each guidance weight."""
    print(f"the judge reads {judge_accuracy:.1%} of held-out real digits right")
    columns = ("guidance", "read right", "coverage", "distance", "Frechet (real)", "copies")
    table = Table(*columns, "diversity", box=None)
    for row in rows:
        table.add_row(
            f"{row.guidance:g}",
            f"{row.accuracy:.1%}",
            f"{row.coverage:.1%}",
            f"{row.distance_ratio:.2f}",
            f"{row.frechet:.2f} ({row.frechet_floor:.2f})",
            f"{row.copies:.1%}",
            f"{row.diversity:.2f}",
        )
    Console().print(table)


def print_shape_scores(rows: dict[float, ShapeScores]) -> None:
    """Print the shares of shapes whose attributes are read back right, next to chance."""
    for name in ("seen", "held_out"):
        table = Table(f"{name.replace('_', '-')} combinations, guidance", box=None)
        for weight in rows:
            table.add_column(f"{weight:g}")
        table.add_column("chance")
        [first, *_] = rows.values()
        for attribute, chance in first.chance.items():
            cells = (in_percent(getattr(row, name)[attribute]) for row in rows.values())
            table.add_row(attribute, *cells, f"{chance:.1%}")
        if name == "held_out":
            for pair in first.held_out_pairs:
                cells = (in_percent(row.held_out_pairs[pair]) for row in rows.values())
                table.add_row(f"all at once, {pair}", *cells, "")
        Console().print(table)


def print_emoji_scores(rows: dict[float, EmojiScores]) -> None:
    """Print the shares of emoji that show what their caption says."""
    table = Table("guidance", *(f"{weight:g}" for weight in rows), box=None)
    for field in fields(EmojiScores):
        cells = (in_percent(getattr(row, field.name)) for row in rows.values())
        table.add_row(field.name.replace("_", " "), *cells)
    Console().print(table)


def in_percent(rate: Interval) -> str:
    """Return a share with its interval, such as `81% (77-84)`."""
    return f"{rate.estimate:.0%} ({100 * rate.low:.0f}-{100 * rate.high:.0f})"
