"""Shapes: drawings of a known size in SVG, and ways to arrange and to join them.

Lines and words take the colour of the text around them and fills are translucent, so that a shape
suits light and dark pages. All text has one size. Its width is an upper estimate from the
characters, because the fonts of the reader are not known.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

FONT = 14  # units; a unit is a pixel, unless the page is narrower than the picture
LINE = 20  # from one line of text to the next
HIGHLIGHT = "#e0218a"
PEN = 'fill="none" stroke="currentColor" stroke-width="1.5"'
MONO = " font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\""
End = int | tuple[float, float]  # of an arrow: the number of a shape, or a point


@dataclass(frozen=True)
class Shape:
    """A drawing whose origin is its upper left corner."""

    width: float
    height: float
    body: str = field(repr=False)

    def at(self, x: float, y: float) -> str:
        """Return the SVG of the shape, moved to a point."""
        return f'<g transform="translate({units(x)} {units(y)})">{self.body}</g>'


def units(length: float) -> str:
    """Return a length with at most one decimal."""
    return f"{round(length, 1) + 0:g}"


def visible(text: str) -> str:
    r"""Return the text with escapes such as \n for characters that cannot be seen."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def text_width(text: str, mono: bool = False) -> float:
    """Return an upper estimate of the width of a line."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    large = sum(each.isupper() or each in "mw%@→" for each in text)
    if mono:
        return FONT * (0.61 * len(text) + 0.64 * wide)
    return FONT * (0.58 * len(text) + 0.67 * wide + 0.22 * large)


def text_line(
    x: float, y: float, text: str, mono: bool = False, bold: bool = False, anchor: str = "middle"
) -> str:
    """Return one line of text; x is where its anchor is, y its upper edge."""
    style = (MONO if mono else "") + (' font-weight="bold"' if bold else "")
    place = f'x="{units(x)}" y="{units(y + LINE / 2 + 0.35 * FONT)}" text-anchor="{anchor}"'
    return f"<text {place}{style}>{escape(visible(text))}</text>" if text else ""


def frame(
    width: float, height: float, highlight: bool = False, fill: tuple[str, float] = ("none", 0)
) -> str:
    """Return a rectangle; the fill is a colour with its opacity."""
    line = f'"{HIGHLIGHT}" stroke-width="3"' if highlight else '"currentColor" stroke-opacity="0.4"'
    inset = int(highlight)  # so that no neighbour covers the outline
    size = f'width="{units(width - 2 * inset)}" height="{units(height - 2 * inset)}" rx="3"'
    paint = f'fill="{fill[0]}" fill-opacity="{fill[1]:.2f}" stroke={line}'
    return f'<rect x="{inset}" y="{inset}" {size} {paint}/>'


def label(text: str, width: float = 360, bold: bool = False) -> Shape:
    """Words without a frame, which wrap at a width."""
    lines = []
    for paragraph in text.split("\n"):
        lines.append("")
        for word in paragraph.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and text_width(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
    width = max(text_width(visible(line)) for line in lines)
    words = (text_line(width / 2, LINE * i, line, bold=bold) for i, line in enumerate(lines))
    return Shape(width, LINE * len(lines), "".join(words))


def box(text: str, width: float = 200, highlight: bool = False) -> Shape:
    """Words in a frame, which wrap at a width."""
    words = label(text, width, highlight)
    width, height = words.width + 20, words.height + 10
    return Shape(width, height, frame(width, height, highlight) + words.at(10, 5))


def row(*shapes: Shape | str, gap: float = 10, align: float = 0.5) -> Shape:
    """Shapes side by side with their tops (align=0), middles (0.5) or bottoms (1) in line."""
    parts = [label(each) if isinstance(each, str) else each for each in shapes]
    height, body, x = max(part.height for part in parts), "", 0.0
    for part in parts:
        body += part.at(x, (height - part.height) * align)
        x += part.width + gap
    return Shape(x - gap, height, body)


def column(*shapes: Shape | str, gap: float = 10, align: float = 0.5) -> Shape:
    """Shapes below each other: flush left (align=0), centred (0.5) or flush right (1)."""
    parts = [label(each) if isinstance(each, str) else each for each in shapes]
    width, body, y = max(part.width for part in parts), "", 0.0
    for part in parts:
        body += part.at((width - part.width) * align, y)
        y += part.height + gap
    return Shape(width, y - gap, body)


def scene(
    *placed: tuple[float, float, Shape], arrows: Iterable[tuple[End, End, str]] = ()
) -> Shape:
    """Shapes at points (x, y), with arrows (from, to, text) between shapes or points."""
    body = "".join(shape.at(x, y) for x, y, shape in placed)
    width = max(x + shape.width for x, _, shape in placed)
    height = max(y + shape.height for _, y, shape in placed)

    def area(end: End) -> tuple[float, float, float, float]:
        """Return the middle of an end, and half its width and height with a margin."""
        if not isinstance(end, int):
            return *end, 0, 0
        x, y, shape = placed[end]
        return x + shape.width / 2, y + shape.height / 2, shape.width / 2 + 4, shape.height / 2 + 4

    for start, stop, text in arrows:
        (x1, y1, w1, h1), (x2, y2, w2, h2) = area(start), area(stop)
        dx, dy = x2 - x1, y2 - y1
        across, down = abs(dx) or 1e-9, abs(dy) or 1e-9
        a, b = min(w1 / across, h1 / down), 1 - min(w2 / across, h2 / down)  # parts of the line
        body += arrow_line(x1 + a * dx, y1 + a * dy, x1 + b * dx, y1 + b * dy, text)
        width, height = max(width, x1, x2), max(height, y1, y2)
    return Shape(width, height, body)


def arrow(text: str = "", direction: str = "right", length: float = 0) -> Shape:
    """An arrow to the "right", "left", "down" or "up", with a text in its middle."""
    width = text_width(text)
    if direction in ("right", "left"):
        across, down = max(length, width + 46 if text else 34), LINE
        start, end = (0, down / 2), (across, down / 2)
    elif direction in ("down", "up"):
        across, down = width + 10, max(length, LINE + 34 if text else 30)
        start, end = (across / 2, 0), (across / 2, down)
    else:
        raise ValueError(f"an arrow points 'right', 'left', 'down' or 'up', not {direction!r}")
    if direction in ("left", "up"):
        start, end = end, start
    return Shape(across, down, arrow_line(*start, *end, text))


def arrow_line(x1: float, y1: float, x2: float, y2: float, text: str) -> str:
    """Return a straight arrow with a gap for the text in its middle."""
    dx, dy = x2 - x1, y2 - y1
    length = (dx * dx + dy * dy) ** 0.5 or 1e-9
    u, v = 9 * dx / length, 9 * dy / length  # the head is 9 units long
    half = 0.0  # of the gap, as a part of the line
    if text:
        sizes = (text_width(text) / 2 + 4, abs(dx)), (LINE / 2, abs(dy))
        half = min(0.5, *(size / distance for size, distance in sizes if distance))
    a, b = 0.5 - half, 0.5 + half
    path = f"M{units(x1)} {units(y1)}L{units(x1 + a * dx)} {units(y1 + a * dy)}"
    path += f"M{units(x1 + b * dx)} {units(y1 + b * dy)}L{units(x2 - u)} {units(y2 - v)}"
    head = (x2, y2), (x2 - u - v / 2, y2 - v + u / 2), (x2 - u + v / 2, y2 - v - u / 2)
    points = " ".join(f"{units(x)},{units(y)}" for x, y in head)
    words = text_line((x1 + x2) / 2, (y1 + y2 - LINE) / 2, text)
    return f'<path d="{path}" {PEN}/><polygon points="{points}"/>{words}'


def brace(length: float, text: str, side: str = "below") -> Shape:
    """A curly brace with its text, to be put below a shape or (`side="right"`) on its right."""
    if side not in ("below", "right"):
        raise ValueError(f"a brace is 'below' or 'right', not {side!r}")
    words, r = label(text, max(length, 60)), min(7, length / 4)
    q, first, last = units(r), units(length / 2 - r), units(length - r)
    curve = f"M0 2q0 {q} {q} {q}H{first}q{q} 0 {q} {q}q0 -{q} {q} -{q}H{last}q{q} 0 {q} -{q}"
    if side == "right":  # the same curve, with x and y exchanged
        height = max(length, words.height)
        move = f"matrix(0 1 1 0 0 {units((height - length) / 2)})"
        size, place = (22 + words.width, height), words.at(22, (height - words.height) / 2)
    else:
        width = max(length, words.width)
        move = f"translate({units((width - length) / 2)} 0)"
        size, place = (width, 18 + words.height), words.at((width - words.width) / 2, 18)
    return Shape(*size, f'<path transform="{move}" d="{curve}" {PEN}/>{place}')
