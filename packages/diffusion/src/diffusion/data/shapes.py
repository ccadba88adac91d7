"""Images of coloured shapes on white, drawn from descriptions with a random shift and scale.

Sizes and distances are chosen such that every attribute can be read back exactly: shapes never
touch, places are 5 pixels apart at a jitter of 0.6, and a large shape has 2.4 times the area of a
small one at a jitter of 10 %.
"""

import math
from collections.abc import Sequence

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from diffusion.data.image_set import ImageSet
from diffusion.data.shape_descriptions import ATTRIBUTES, ShapeDescription
from gpt.errors import BadInput

N_PIXELS = 32
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (30, 80, 230),
    "yellow": (240, 200, 30),
    "purple": (160, 40, 200),
}
"""Red, green and blue of each colour, from 0 to 255."""
AREAS = {"small": 18.0, "large": 42.0}
"""Area of one shape in pixels; all four shapes have the same."""
SIDES = {"circle": 2 / math.pi**0.5, "square": 1.0, "triangle": 2**0.5, "cross": 3 / 5**0.5}
"""Width and height of each shape when its area is 1."""
DIRECTIONS = {
    "top left": (-1, -1),
    "top right": (1, -1),
    "bottom left": (-1, 1),
    "bottom right": (1, 1),
    "centre": (0, 0),
}
"""Way from the middle of the image to each place: to the right and down."""
PLACE_DISTANCE = 4.7
"""Pixels from the middle of the image to a place, along each axis."""
ARRANGEMENTS = {1: [(0, 0)], 2: [(-1, 0), (1, 0)], 3: [(0, -1), (-1, 1), (1, 1)]}
"""Positions of the shapes of one image, in half distances between neighbours."""
GAP = 2.0
"""Pixels between the bounding boxes of two shapes."""
MAX_JITTER = 0.6
"""Largest random shift in pixels, along each axis."""
SCALE = 0.05
"""Largest random change of a shape's side, relative."""
OVERSAMPLING = 4
"""Points per pixel and axis at which a shape is sampled, so that edges have 17 tones."""
N_PER_CHUNK = 128
"""Shapes sampled at once, which bounds the memory."""


def pixel_coverage(
    shape: str,
    centres: Float[Tensor, "N 2"],
    areas: Float[Tensor, " N"],
    n_pixels: int = N_PIXELS,
) -> Float[Tensor, "N height width"]:
    """Return how much of each pixel a shape covers, from 0 to 1.

    Args:
        shape: name of the shape, which is drawn upright.
        centres: middle of the bounding box, to the right and down from the image's top left corner.
        areas: in pixels.
        n_pixels: width and height of the image.

    Raises:
        BadInput: there is no such shape.
    """
    if shape not in SIDES:
        raise BadInput(f"shape must be one of {', '.join(SIDES)}; got {shape!r}")
    points = (torch.arange(n_pixels * OVERSAMPLING) + 0.5) / OVERSAMPLING
    chunks = []
    for centre, area in zip(centres.split(N_PER_CHUNK), areas.split(N_PER_CHUNK), strict=True):
        along = (points - centre[:, :, None]) / area.sqrt()[:, None, None]
        u, v = along[:, 0, None, :], along[:, 1, :, None]
        half = SIDES[shape] / 2
        match shape:
            case "circle":
                inside = u**2 + v**2 < half**2
            case "square":
                inside = (u.abs() < half) & (v.abs() < half)
            case "triangle":
                inside = (2 * u.abs() < v + half) & (v < half)
            case _:  # a cross
                wide = (u.abs() < half) & (v.abs() < half / 3)
                inside = wide | (u.abs() < half / 3) & (v.abs() < half)
        pattern = "N (height y) (width x) -> N height width"
        pixels = reduce(inside.float(), pattern, "mean", y=OVERSAMPLING, x=OVERSAMPLING)
        chunks.append(pixels)
    return torch.cat(chunks)


def draw_shapes(
    descriptions: Sequence[ShapeDescription], generator: torch.Generator
) -> Float[Tensor, "N 3 height width"]:
    """Return one image per description, each with its own shift and scale."""
    n = len(descriptions)
    uniform = 2 * torch.rand(n, 3, generator=generator) - 1
    images = torch.ones(n, 3, N_PIXELS, N_PIXELS)
    parts: dict[str, list[tuple[int, float, float, float]]] = {shape: [] for shape in SIDES}
    for row, (each, (x, y, scale)) in enumerate(zip(descriptions, uniform.tolist(), strict=True)):
        factor = 1 + SCALE * scale
        side = SIDES[each.shape] * AREAS[each.size] ** 0.5 * factor
        right, down = (N_PIXELS / 2 + PLACE_DISTANCE * way for way in DIRECTIONS[each.place])
        for i, j in ARRANGEMENTS[each.count]:
            left = right + MAX_JITTER * x + i * (side + GAP) / 2
            top = down + MAX_JITTER * y + j * (side + GAP) / 2
            parts[each.shape].append((row, left, top, AREAS[each.size] * factor**2))
    inks = 2 - torch.tensor([COLOURS[each.colour] for each in descriptions]) / 127.5
    for shape, placed in parts.items():
        if placed:
            table = torch.tensor(placed)
            rows, covered = table[:, 0].long(), pixel_coverage(shape, table[:, 1:3], table[:, 3])
            ink = inks[rows][:, :, None, None] * rearrange(
                covered, "N height width -> N 1 height width"
            )
            images.index_add_(0, rows, -ink)
    return images


def shapes(
    n: int, descriptions: Sequence[ShapeDescription], generator: torch.Generator
) -> ImageSet:
    """Return n images of descriptions drawn with equal chances; a label is the shape.

    Raises:
        BadInput: n is below 1, or there is no description.
    """
    if n < 1 or not descriptions:
        raise BadInput(f"{n} images of {len(descriptions)} descriptions; both must be at least 1")
    rows = torch.randint(len(descriptions), (n,), generator=generator).tolist()
    chosen = [descriptions[row] for row in rows]
    names = ATTRIBUTES["shape"]
    labels = torch.tensor([names.index(each.shape) for each in chosen])
    captions = [each.caption() for each in chosen]
    return ImageSet(draw_shapes(chosen, generator), labels, captions, names)
