"""Descriptions of images of shapes, and their captions.

    "two small red circles at the top left"

There are 600: 4 shapes, 5 colours, 2 sizes, 5 places and counts of 1 to 3. `shapes` draws them,
`shape_split` holds combinations out, `shape_reading` reads the attributes from an image.
"""

import itertools
from dataclasses import astuple, dataclass
from functools import cache

from gpt.errors import BadInput

ATTRIBUTES: dict[str, tuple] = {
    "shape": ("circle", "square", "triangle", "cross"),
    "colour": ("red", "green", "blue", "yellow", "purple"),
    "size": ("small", "large"),
    "place": ("top left", "top right", "bottom left", "bottom right", "centre"),
    "count": (1, 2, 3),
}
"""Values of each attribute, in the order of the fields; 1 over their number is chance."""
COUNT_WORDS = ("one", "two", "three")


@dataclass(frozen=True)
class ShapeDescription:
    """One combination of attributes; `caption` and `parse_caption` are inverse."""

    shape: str
    """ "circle", "square", "triangle" or "cross"."""
    colour: str
    """ "red", "green", "blue", "yellow" or "purple"."""
    size: str
    """ "small" or "large"."""
    place: str
    """ "top left", "top right", "bottom left", "bottom right" or "centre"."""
    count: int
    """Number of equal shapes, 1 to 3."""

    def __post_init__(self) -> None:
        """Refuse a value that cannot be drawn."""
        for name, value in zip(ATTRIBUTES, astuple(self), strict=True):
            if value not in ATTRIBUTES[name]:
                known = ", ".join(map(str, ATTRIBUTES[name]))
                raise BadInput(f"{name} must be one of {known}; got {value!r}")

    def caption(self) -> str:
        """Return such as "two small red circles at the top left"."""
        plural = "" if self.count == 1 else "es" if self.shape == "cross" else "s"
        where = "in the" if self.place == "centre" else "at the"
        number = COUNT_WORDS[self.count - 1]
        return f"{number} {self.size} {self.colour} {self.shape}{plural} {where} {self.place}"


@cache
def all_descriptions() -> tuple[ShapeDescription, ...]:
    """Return the 600 combinations of attributes."""
    return tuple(itertools.starmap(ShapeDescription, itertools.product(*ATTRIBUTES.values())))


@cache
def description_of_caption() -> dict[str, ShapeDescription]:
    """Return the description of each caption."""
    return {description.caption(): description for description in all_descriptions()}


def parse_caption(caption: str) -> ShapeDescription:
    """Return the description that has this caption.

    Raises:
        BadInput: a word is in no caption, or the words are not in the order of a caption.
    """
    known = description_of_caption()
    if caption in known:
        return known[caption]
    words = {word for each in known for word in each.split()}
    unknown = [word for word in caption.split() if word not in words]
    reason = f"the words {', '.join(unknown)} are in no caption" if unknown else "wrong form"
    raise BadInput(
        f"{caption!r} describes no image of shapes ({reason}); write such as "
        "'two small red circles at the top left' or 'one large blue cross in the centre'"
    )
