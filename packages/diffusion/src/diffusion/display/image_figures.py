"""Figures of images: guidance, attention over an image, latents, interpolations."""

from collections.abc import Sequence

import numpy as np
from einops import rearrange
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from diffusion.display.figures import check_finite
from diffusion.display.grid import to_pixels
from gpt.errors import BadInput

CELL = 0.95
"""Inches per image of a table."""
MAP_CELL = 1.6
"""Inches per map."""
MAX_MAP_COLUMNS = 5
"""Largest number of maps in a row, the image included."""


def guidance_figure(
    images: Float[Tensor, "n_weights n_labels C height width"],
    weights: Sequence[float],
    label_names: Sequence[str],
) -> Figure:
    """Draw one row per guidance weight and one column per label, from the same noise.

    Raises:
        BadInput: there are not as many weights as rows, or names as columns.
    """
    return image_table(images, [f"guidance {weight:g}" for weight in weights], label_names)


def interpolation_figure(
    images: Float[Tensor, "n_pairs n_steps C height width"], pairs: Sequence[tuple[str, str]]
) -> Figure:
    """Draw one row per pair of prompts, from the first prompt on the left to the second.

    Raises:
        BadInput: there are not as many pairs as rows.
    """
    n_steps = images.shape[1]
    weights = [f"{100 * step / max(1, n_steps - 1):.0f} %" for step in range(n_steps)]
    figure = image_table(images, [f"{a}\nto {b}" for a, b in pairs], weights)
    figure.suptitle("weight of the second prompt", fontsize=9)
    return figure


def image_table(
    images: Float[Tensor, "n_rows n_columns C height width"],
    row_names: Sequence[str],
    column_names: Sequence[str],
) -> Figure:
    """Draw images in rows and columns with names.

    Raises:
        BadInput: there are not as many names as rows or columns.
    """
    n_rows, n_columns, _, height, width = images.shape
    if (len(row_names), len(column_names)) != (n_rows, n_columns):
        raise BadInput(
            f"{n_rows} rows and {n_columns} columns of images got {len(row_names)} names of rows "
            f"and {len(column_names)} of columns"
        )
    size = (1.3 + CELL * n_columns, 0.5 + CELL * n_rows * height / width)
    figure = Figure(figsize=size, layout="constrained")
    cells = figure.subplots(n_rows, n_columns, squeeze=False)
    draw_images(cells, images)
    label_rows(cells, row_names)
    for axes, name in zip(cells[0], column_names, strict=True):
        axes.set_title(name, fontsize=9)
    return figure


def attention_figure(
    image: Float[Tensor, "C height width"],
    maps: Float[Tensor, "T rows columns"],
    words: Sequence[str],
) -> Figure:
    """Lay one heat map per word over the image: how much each patch attends to the word.

    All maps share one colour scale, so that words can be compared. A map has one value per patch.

    Raises:
        BadInput: there are not as many words as maps, or a map is not finite.
    """
    if len(words) != len(maps) or not words:
        raise BadInput(f"{len(maps)} attention maps got {len(words)} words")
    check_finite(maps=maps)
    height, width = image.shape[1:]
    figure, cells = map_cells(image, len(maps))
    scale, grey = Normalize(0, maps.max().item()), to_pixels(image[None])[0].mean(axis=-1)
    box = (0, width, height, 0)
    for axes, values, word in zip(cells[1:], maps.detach().cpu().numpy(), words, strict=True):
        axes.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=box)
        axes.imshow(values, cmap="inferno", norm=scale, alpha=0.65, extent=box)
        axes.set_title(word, fontsize=10)
    colours = ScalarMappable(scale, "inferno")
    figure.colorbar(colours, ax=cells, label="attention weight", shrink=0.8, alpha=0.65)
    return figure


def latent_figure(
    latents: Float[Tensor, "Z rows columns"], image: Float[Tensor, "C height width"]
) -> Figure:
    """Draw the channels of an image's latents on one colour scale, next to the image.

    Raises:
        BadInput: a latent is not finite.
    """
    check_finite(latents=latents)
    figure, cells = map_cells(image, len(latents))
    most = latents.abs().max().item()
    scale = Normalize(-most, most)
    channels = latents.detach().cpu().numpy()
    for index, (axes, values) in enumerate(zip(cells[1:], channels, strict=True)):
        axes.imshow(values, cmap="RdBu_r", norm=scale)
        axes.set_title(f"channel {index}", fontsize=10)
        axes.set_xlabel(f"mean {float(values.mean()):z.1f}, sd {values.std():.1f}", fontsize=9)
    colours = ScalarMappable(scale, "RdBu_r")
    figure.colorbar(colours, ax=cells, label="value of the latent", shrink=0.8)
    return figure


def latent_path_figure(
    latents: Float[Tensor, "n_times rows columns"],
    images: Float[Tensor, "n_rows n_times C height width"],
    times: Sequence[float],
    row_names: Sequence[str],
) -> Figure:
    """Draw one latent channel at several times, and rows of images of the same times below.

    The maps share one colour scale, so that they can be compared; the first name is theirs.

    Raises:
        BadInput: there are not as many times or names as columns or rows, or a latent is not
            finite.
    """
    n_rows, n_times = images.shape[:2]
    counts = [len(row_names) - 1, len(times), len(latents)]
    if counts != [n_rows, n_times, n_times]:
        raise BadInput(
            f"{n_rows} rows of images at {n_times} times got {counts[0]} names of rows, "
            f"{counts[1]} times and {counts[2]} maps"
        )
    check_finite(latents=latents)
    size = (1.3 + CELL * n_times, 0.5 + CELL * (1 + n_rows))
    figure = Figure(figsize=size, layout="constrained")
    cells = figure.subplots(1 + n_rows, n_times, squeeze=False)
    most = latents.abs().max().item()
    for axes, values, t in zip(cells[0], latents.detach().cpu().numpy(), times, strict=True):
        axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set_title(f"t = {t:.2f}", fontsize=9)
        hide_axes(axes)
    draw_images(cells[1:], images)
    label_rows(cells, row_names)
    return figure


def draw_images(
    cells: np.ndarray, images: Float[Tensor, "n_rows n_columns C height width"]
) -> None:
    """Draw images into a table of axes, without smoothing."""
    pixels = to_pixels(rearrange(images, "r k c h w -> (r k) c h w"))
    for axes, image in zip(cells.flat, pixels, strict=True):
        axes.imshow(image, interpolation="nearest")
        hide_axes(axes)


def label_rows(cells: np.ndarray, names: Sequence[str]) -> None:
    """Write a name to the left of each row of a table of axes."""
    for axes, name in zip(cells[:, 0], names, strict=True):
        axes.set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center")


def map_cells(image: Float[Tensor, "C height width"], n_maps: int) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes: the first shows the image, n_maps others are empty."""
    n = 1 + n_maps
    n_columns = min(n, MAX_MAP_COLUMNS)
    n_rows = -(-n // n_columns)
    size = (MAP_CELL * n_columns + 0.9, (MAP_CELL + 0.35) * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    cells: list[Axes] = np.ravel(figure.subplots(n_rows, n_columns, squeeze=False)).tolist()
    for axes in cells:
        hide_axes(axes)
    for axes in cells[n:]:
        axes.set_visible(False)
    cells[0].imshow(to_pixels(image[None])[0])
    cells[0].set_title("image", fontsize=10)
    return figure, cells[:n]


def hide_axes(axes: Axes) -> None:
    """Hide ticks and the box, but keep the labels."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
