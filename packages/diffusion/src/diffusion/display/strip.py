"""A trajectory strip: how samples grow out of noise, one row per sample and one column per time."""

from collections.abc import Sequence

from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from diffusion.display.grid import grid_image
from gpt.errors import BadInput


def trajectory_strip(
    path: Float[Tensor, "n_times B C height width"],
    times: Sequence[float],
    n_columns: int = 9,
    row_captions: Sequence[str] = (),
) -> Image.Image:
    """Draw at most `n_columns` evenly spaced times of a path, captioned `t = 0.75`.

    The path is what a sampler passed through: its first time is noise (t = 1), its last is data
    (t = 0). First and last are always drawn.

    Raises:
        BadInput: there are not as many times as images per sample, or fewer than two columns.
    """
    n_times = len(path)
    if len(times) != n_times or n_times < 2 or n_columns < 2:
        raise BadInput(
            f"a strip needs two times, two columns and a time per step, got {n_times} steps, "
            f"{len(times)} times and {n_columns} columns"
        )
    n_columns = min(n_columns, n_times)
    chosen = [round(column * (n_times - 1) / (n_columns - 1)) for column in range(n_columns)]
    images = rearrange(path[chosen], "t b c h w -> (b t) c h w")
    captions = [f"t = {times[step]:.2f}" for step in chosen]
    return grid_image(images, n_columns, row_captions=row_captions, column_captions=captions)
