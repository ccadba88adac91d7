"""Read shape, colour, size, place and count from an image, exact for every clean drawing.

1. ink = 1 - pixel; a pixel belongs to a shape if one of its channels has enough ink
2. connected pixels are one component; count = components, place = their bounding box
3. colour = the direction of a component's ink among the five colours
4. size = the area that this ink covers; shape = the drawing of equal area that fits best,
   sharp or blurred, since models generate softer edges
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import einsum, rearrange, reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diffusion.data.shape_descriptions import ATTRIBUTES, ShapeDescription
from diffusion.data.shapes import (
    AREAS,
    COLOURS,
    DIRECTIONS,
    N_PIXELS,
    PLACE_DISTANCE,
    SIDES,
    pixel_coverage,
)
from gpt.errors import BadInput

LEAST_INK = 0.7
"""Ink from which a pixel counts as covered, where white is 0 and black is 2."""
LEAST_PIXELS = 5
"""Components of fewer pixels are speckles, not shapes."""
WORST_FIT = 0.1
"""Largest misfit (1 minus the cosine) at which a shape is recognised."""
WINDOW = 16
"""Width and height in pixels of the part around a component that is compared with drawings."""
N_BLURS = 2
"""Times that a drawing is blurred, at most, before it is compared."""


@dataclass(frozen=True)
class ShapeAttributes:
    """Attributes of one image; None where the image shows no value, or several."""

    shape: str | None
    colour: str | None
    size: str | None
    place: str | None
    count: int
    """Number of components, 0 or more."""

    def agrees(self, description: ShapeDescription) -> dict[str, bool]:
        """Return for each attribute whether it is the described one."""
        return {name: getattr(self, name) == getattr(description, name) for name in ATTRIBUTES}


def components(images: Float[Tensor, "B 3 height width"]) -> Int[Tensor, "B height width"]:
    """Return the number of each pixel's component, 0 for the background.

    Every covered pixel starts with a number of its own and takes the largest one among its eight
    neighbours until nothing changes.
    """
    covered = (1 - images).amax(1) > LEAST_INK
    _, height, width = covered.shape
    own = rearrange(torch.arange(1.0, height * width + 1), "(y x) -> 1 y x", y=height)
    numbers = own * covered
    while True:
        spread = F.max_pool2d(numbers, 3, stride=1, padding=1) * covered
        if spread.equal(numbers):
            return numbers.long()
        numbers = spread


def read_shapes(images: Float[Tensor, "B 3 height width"]) -> list[ShapeAttributes]:
    """Return the attributes of each image.

    Raises:
        BadInput: the images do not have 32 x 32 pixels.
    """
    if images.shape[-2:] != (N_PIXELS, N_PIXELS):
        raise BadInput(f"shapes are read from 32 x 32 pixels, got {tuple(images.shape[-2:])}")
    images = images.detach().float().cpu()
    masks, rows = [], []
    for row, numbers in enumerate(components(images)):
        values, n_pixels = numbers.unique(return_counts=True)
        large = values[(values > 0) & (n_pixels >= LEAST_PIXELS)]
        masks += [numbers == value for value in large]
        rows += [row] * len(large)
    if not masks:
        return [ShapeAttributes(None, None, None, None, 0) for _ in images]
    parts = read_components(images[rows], torch.stack(masks))
    read = []
    for row in range(len(images)):
        own = [index for index, owner in enumerate(rows) if owner == row]
        shapes, colours, sizes = ({parts[index][kind] for index in own} for kind in range(3))
        place = place_of(torch.stack([masks[index] for index in own]).any(0)) if own else None
        read.append(ShapeAttributes(only(shapes), only(colours), only(sizes), place, len(own)))
    return read


def read_components(
    images: Float[Tensor, "N 3 height width"], masks: Bool[Tensor, "N height width"]
) -> list[tuple[str | None, str, str]]:
    """Return shape, colour and size of one component per image."""
    with_edges = F.max_pool2d(masks.float(), 3, stride=1, padding=1)
    ink = (1 - images) * with_edges[:, None]  # N C height width
    inks = 2 - torch.tensor([COLOURS[name] for name in ATTRIBUTES["colour"]]) / 127.5
    total = reduce(ink, "N C height width -> N C", "sum")
    colours = F.cosine_similarity(total[:, None], inks, dim=-1).argmax(1)
    pure = inks[colours]
    covered = einsum(ink, pure, "N C height width, N C -> N height width")
    covered = covered / (pure**2).sum(1)[:, None, None]
    areas = covered.sum((1, 2)).clamp(min=1.0)
    middles = torch.arange(N_PIXELS) + 0.5
    centroids = torch.stack([covered.sum(1) @ middles, covered.sum(2) @ middles], 1)
    centroids = centroids / areas[:, None]
    corners = (centroids - WINDOW / 2).round().clamp(0, N_PIXELS - WINDOW)
    seen, window = (crop(each, corners.long()) for each in (covered, with_edges))
    misfits = []
    for shape in ATTRIBUTES["shape"]:
        # two thirds of a triangle's height are above its centroid, half above its middle
        below = SIDES[shape] / 6 if shape == "triangle" else 0.0
        middle = centroids - corners - torch.tensor([0.0, below]) * areas.sqrt()[:, None]
        drawings = pixel_coverage(shape, middle, areas, WINDOW)
        misfits.append(misfit_at_any_sharpness(drawings, seen, window))
    misfit, nearest = torch.stack(misfits, 1).min(1)
    between = (AREAS["small"] * AREAS["large"]) ** 0.5
    return [
        (
            ATTRIBUTES["shape"][shape] if fit <= WORST_FIT else None,
            ATTRIBUTES["colour"][colour],
            "small" if area < between else "large",
        )
        for shape, fit, colour, area in zip(
            nearest.tolist(), misfit.tolist(), colours.tolist(), areas.tolist(), strict=True
        )
    ]


def crop(
    images: Float[Tensor, "N height width"], corners: Int[Tensor, "N 2"]
) -> Float[Tensor, "N window window"]:
    """Return the window of each image whose top left corner is (right, down)."""
    along = torch.arange(WINDOW) + corners[:, :, None]
    rows = torch.arange(len(images))[:, None, None]
    return images[rows, along[:, 1, :, None], along[:, 0, None, :]]


def misfit_at_any_sharpness(
    drawings: Float[Tensor, "N height width"],
    covered: Float[Tensor, "N height width"],
    window: Float[Tensor, "N height width"],
) -> Float[Tensor, " N"]:
    """Return 1 minus the cosine between drawing and image, the smallest over several blurs."""
    weights = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = einsum(weights, weights, "y, x -> y x")[None, None]
    misfits = []
    for _ in range(N_BLURS + 1):
        visible = (drawings * window).flatten(1)
        misfits.append(1 - F.cosine_similarity(visible, covered.flatten(1)))
        drawings = F.conv2d(drawings[:, None], kernel, padding=1)[:, 0]
    return torch.stack(misfits).amin(0)


def place_of(mask: Bool[Tensor, "height width"]) -> str:
    """Return the place that is nearest to the middle of the bounding box."""
    down, right = mask.nonzero().float().unbind(1)
    middle = [(each.min() + each.max() + 1 - N_PIXELS).item() / 2 for each in (right, down)]
    return min(
        DIRECTIONS,
        key=lambda name: math.dist(middle, [PLACE_DISTANCE * way for way in DIRECTIONS[name]]),
    )


def only(values: set[str | None]) -> str | None:
    """Return the value that all components share, None if there are several or none."""
    return next(iter(values)) if len(values) == 1 else None
