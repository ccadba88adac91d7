"""Pictures of a mechanism, drawn as SVG from the arrays that a chapter has computed.

    from book import figures as draw

    scores = draw.grid(q @ k.T, row_labels=words, column_labels=words, highlight=[(1, 0)])
    weights = draw.grid(softmaxed, full_colour=1)
    picture = draw.column(scores, draw.arrow("softmax", "down"), weights)
    draw.figure(picture, alt="Two grids of 3 by 3 numbers, one above the other. ...")

What holds and joins shapes (row, column, scene, box, arrow, brace) is in book/shapes.py.

The last line of a cell shows the picture; its caption belongs to the cell (`mystnb: figure:
caption:`). `book` is found because the root of the repository is on the path of pytest
(pyproject.toml) and of the book's kernels (book/conf.py). To run a chapter in Jupyter, start
Jupyter in the root with `PYTHONPATH=$PWD`. A downloaded notebook has its pictures already.

A page 390 pixels wide leaves 342 to a picture. Up to `WIDEST` units its text has at least 9 points
(12 pixels) there: token strips wrap, and `figure` refuses what is wider.
"""

import operator
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from book.shapes import FONT, HIGHLIGHT, LINE, PEN, Shape, frame, text_line, text_width, units

from book.shapes import arrow, box, brace, column, label, row, scene, visible  # isort: skip

__all__ = ["arrow", "box", "brace", "column", "figure", "grid", "label"]
__all__ += ["Node", "row", "scene", "strip", "tree"]

WIDEST = 342 * FONT // 12
POSITIVE, NEGATIVE = "#3b82f6", "#f08c00"  # blue and orange, which colour-blind readers tell apart
Span = tuple[int, int, str]  # first, one after the last, text


@dataclass(frozen=True)
class Figure:
    """A finished picture, which a notebook shows; printed, it is its alt text."""

    alt: str
    svg: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self.svg


@dataclass(frozen=True)
class Node:
    """A node of a tree, with the label of the edge that leads to it."""

    text: str
    children: Sequence["Node"] = ()
    edge: str = ""
    highlight: bool = False


def figure(shape: Shape, alt: str = "", title: str = "") -> Figure:
    """Finish a picture; `alt` says in a sentence or two what a reader would see.

    Raises:
        ValueError: there is no alt text, or the picture is wider than `WIDEST`.
    """
    if not alt.strip():
        raise ValueError("a figure needs alt text: a sentence or two that say what it shows")
    if title:
        shape = column(label(title, bold=True), shape)
    width, height = shape.width + 4, shape.height + 4  # the outline of a highlight is thick
    if width > WIDEST:
        raise ValueError(
            f"this figure is {width:.0f} units wide, and on a page of 390 pixels its text has 9 "
            f"points only up to {WIDEST}: use column for row, fewer digits or shorter labels"
        )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(visible(alt))}" '
        f'width="{units(width)}" height="{units(height)}" '
        f'viewBox="0 0 {units(width)} {units(height)}" style="max-width:100%;height:auto" '
        f'font-family="system-ui,sans-serif" font-size="{FONT}" fill="currentColor">'
        f"{shape.at(2, 2)}</svg>"
    )
    return Figure(alt, svg)


def grid(
    rows: Iterable[Iterable[Any]],
    row_labels: Iterable[str] = (),
    column_labels: Iterable[str] = (),
    digits: int = 2,
    full_colour: float = 0,
    highlight: Iterable[tuple[int, int]] = (),
    spans: Iterable[Span] = (),
) -> Shape:
    """A table of numbers from lists, arrays or tensors; None leaves a cell empty.

    `full_colour` is the absolute value at which a cell has its strongest colour: blue for positive
    numbers, orange for negative ones. `highlight` holds (row, column). `spans` become braces below
    the columns.
    """
    values = [list(each) for each in rows]
    n_rows, n_columns = len(values), len(values[0]) if values else 0
    if not n_columns or any(len(each) != n_columns for each in values):
        raise ValueError(f"a grid needs rows of one length, not {[len(each) for each in values]}")
    beside, above = one_each(row_labels, n_rows), one_each(column_labels, n_columns)
    places = [(i, j) for i in range(n_rows) for j in range(n_columns)]
    marked = within(places, highlight)
    texts = [[number(value, digits) for value in each] for each in values]
    edges = [max(text_width(each) + 8 if each else 0 for each in beside)]
    for j, head in enumerate(above):
        widest = max(text_width(each[j], mono=True) for each in texts)
        edges.append(edges[-1] + max(widest + 12, text_width(head) + 8, 30))
    top, tall, body = LINE if any(above) else 0, LINE + 8, ""
    for i, text in enumerate(beside):
        body += text_line(edges[0] - 8, top + tall * i + 4, text, anchor="end")
    for j, head in enumerate(above):
        body += text_line((edges[j] + edges[j + 1]) / 2, 0, head)
    for i, j in places:
        fill = colour(values[i][j], full_colour)
        shape = cell([texts[i][j]], edges[j + 1] - edges[j], (i, j) in marked, fill)
        body += shape.at(edges[j], top + tall * i)
    return braced(Shape(edges[-1], top + tall * n_rows, body), edges, spans)


def strip(
    tokens: Iterable[str],
    ids: Iterable[Any] = (),
    mask: Iterable[Any] = (),
    highlight: Iterable[int] = (),
    spans: Iterable[Span] = (),
    width: float = WIDEST - 4,
) -> Shape:
    """Tokens in lines that wrap at a width, with their ids; the mask shades those that it keeps.

    Spaces in tokens are drawn as dots. `spans` become braces below the tokens.
    """
    texts = [visible(each).replace(" ", "·") for each in tokens]
    if not texts:
        raise ValueError("a strip needs at least one token")
    numbers = one_each((number(each, 0) for each in ids), len(texts))
    kept = one_each(("kept" if each else "" for each in mask), len(texts))
    marked, lines, edges, cells = within(range(len(texts)), highlight), [], [0.0], []
    for k, (text, below) in enumerate(zip(texts, numbers, strict=True)):
        shown = [text, below] if any(numbers) else [text]
        size = max(text_width(each, mono=True) for each in shown) + 12
        if cells and edges[-1] + size > width:
            lines.append(braced(row(*cells, gap=0), edges, spans, k - len(cells)))
            edges, cells = [0.0], []
        cells.append(cell(shown, size, k in marked, (POSITIVE, 0.4 if kept[k] else 0)))
        edges.append(edges[-1] + size)
    lines.append(braced(row(*cells, gap=0), edges, spans, len(texts) - len(cells)))
    return column(*lines, align=0)


def tree(root: Node) -> Shape:
    """A tree that grows to the right, since a narrow page has more room below than beside.

    Nodes of one depth share a column, and a node is beside the middle of its descendants. The edge
    to a highlighted node is highlighted too, so that a path can be seen.
    """
    levels = [[root]]
    while below := [child for node in levels[-1] for child in node.children]:
        levels.append(below)
    bends, lefts, right = [], [], 0.0
    for depth, level in enumerate(levels):
        bends.append(right + 14)
        lefts.append(bends[-1] + max(text_width(node.edge) for node in level) + 14 if depth else 0)
        right = lefts[-1] + max(box(node.text).width for node in level)

    def draw(node: Node, depth: int) -> Shape:
        """Draw a node and its descendants; the node is in the middle of the height."""
        own = box(node.text, highlight=node.highlight)
        parts = [draw(child, depth + 1) for child in node.children]
        below = sum(part.height + 12 for part in parts) - 12
        height, edges = max(own.height, below), []
        y, body = (height - below) / 2, own.at(lefts[depth], (height - own.height) / 2)
        for child, part in zip(node.children, parts, strict=True):
            bend, left, entry = bends[depth + 1], lefts[depth + 1], y + part.height / 2
            path = f"M{units(lefts[depth] + own.width)} {units(height / 2)}H{units(bend)}"
            edges.append((child.highlight, f"{path}V{units(entry)}H{units(left)}"))
            body += part.at(0, y) + text_line((bend + left) / 2, entry - LINE - 1, child.edge)
            y += part.height + 12
        for highlight, path in sorted(edges):  # the highlighted one lies over its neighbours
            pen = f'fill="none" stroke="{HIGHLIGHT}" stroke-width="3"' if highlight else PEN
            body += f'<path d="{path}" {pen}/>'
        return Shape(right, height, body)

    return draw(root, 0)


def number(value: Any, digits: int) -> str:
    """Return a whole number or a text as it is, and any other number with some digits."""
    if value is None or isinstance(value, str):
        return visible(value or "")
    try:
        return str(operator.index(value))
    except TypeError:
        return f"{float(value):z.{digits}f}"


def colour(value: Any, full_colour: float) -> tuple[str, float]:
    """Return the fill of a cell and its opacity, which is proportional to the absolute value."""
    if value is None or isinstance(value, str) or not full_colour:
        return "none", 0
    return POSITIVE if value > 0 else NEGATIVE, 0.45 * min(1, abs(float(value)) / full_colour)


def cell(texts: Sequence[str], width: float, highlight: bool, fill: tuple[str, float]) -> Shape:
    """Return a frame with one line for each text."""
    height = LINE * len(texts) + 8
    body = frame(width, height, highlight, fill)
    for i, text in enumerate(texts):
        body += text_line(width / 2, 4 + LINE * i, text, mono=True, bold=highlight)
    return Shape(width, height, body)


def braced(cells: Shape, edges: Sequence[float], spans: Iterable[Span], start: int = 0) -> Shape:
    """Return cells with these edges, the first of them number `start`, with braces below them."""
    height, body, occupied = cells.height, cells.body, -4.0
    for first, after, text in sorted(spans):
        first, after = max(first - start, 0), min(after - start, len(edges) - 1)
        if first < after:
            shape = brace(edges[after] - edges[first] - 4, text)
            x = (edges[first] + edges[after] - shape.width) / 2
            if x < occupied:
                raise ValueError(f"no room for {text!r} below its cells: shorten the text")
            body += shape.at(x, cells.height + 2)
            height, occupied = max(height, cells.height + 2 + shape.height), x + shape.width
    return Shape(max(cells.width, occupied), height, body)


def one_each(labels: Iterable[str], n: int) -> list[str]:
    """Return a label for each of n things; without labels they are empty."""
    found = [visible(each) for each in labels] or [""] * n
    if len(found) != n:
        raise ValueError(f"{len(found)} labels, ids or parts of a mask for {n} cells")
    return found


def within(places: Collection[Any], highlight: Iterable[Any]) -> set[Any]:
    """Return the cells to highlight, all of which must be there."""
    marked = set(highlight)
    if outside := marked - set(places):
        raise ValueError(f"cannot highlight {sorted(outside)} among {len(places)} cells")
    return marked
