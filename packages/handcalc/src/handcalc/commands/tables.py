"""Vectors and matrices as aligned text."""

from typing import Any

from handcalc.operations.matrices import is_list

WIDEST = 8  # numbers in a row of print; --json has them all


def table(name: str, formula: str, value: Any, words: list[str]) -> str:
    """A heading with name, size and formula, then the rows; those of positions have their word."""
    if not is_list(value):
        return f"\n{name}    {formula}\n  {cell(value)}"
    if not is_list(value[0]):
        return f"\n{name} ({len(value)})    {formula}\n  {row(value)}"
    labels = words if len(words) == len(value) else [str(i) for i in range(len(value))]
    width = max(map(len, labels))
    heading = f"\n{name} ({len(value)} x {len(value[0])})    {formula}\n"
    return heading + "\n".join(
        f"  {label:{width}}  {row(numbers)}" for label, numbers in zip(labels, value, strict=True)
    )


def row(numbers: list[float]) -> str:
    """The first numbers of a row."""
    return " ".join(map(cell, numbers[:WIDEST])) + (" ..." if len(numbers) > WIDEST else "")


def cell(number: float) -> str:
    """A number in nine places; what is too small for four decimals shows its power of ten."""
    if number and abs(number) < 5e-4:
        return f"{number:9.1e}"
    return f"{number:9.4f}"


def bar(share: float, width: int) -> str:
    """A bar as long as the share of the width."""
    return "#" * round(min(share, 1.0) * width)
