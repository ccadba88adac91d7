"""Many images as one image: rows and columns, enlarged until single pixels can be seen."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gpt.errors import BadInput
from gpt.files import write_atomically

SMALLEST_SIDE = 64
"""Pixels that the shorter side gets at least, so that a digit of 8 x 8 pixels can be read."""
FONT_SIZE = 14
INK, PAPER = (32, 32, 32), (255, 255, 255)


def to_pixels(images: Float[Tensor, "N C height width"]) -> np.ndarray:
    """Return images in [-1, 1] as bytes, red, green and blue last; values outside are clipped.

    Raises:
        BadInput: there are no images, their channels are neither 1 (grey) nor 3 (RGB), or a number
            is NaN or infinite.
    """
    n, n_channels = images.shape[:2]
    if n < 1 or n_channels not in (1, 3):
        raise BadInput(f"need images with 1 or 3 channels, got {n} with {n_channels} channels")
    if not images.isfinite().all():
        raise BadInput("images hold NaN or infinite numbers; the model that drew them has diverged")
    levels = ((images.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return repeat(levels, "n c h w -> n h w (c r)", r=3 // n_channels).numpy()


def grid_image(
    images: Float[Tensor, "N C height width"],
    n_columns: int,
    padding: int = 4,
    row_captions: Sequence[str] = (),
    column_captions: Sequence[str] = (),
    smallest_side: int = SMALLEST_SIDE,
) -> Image.Image:
    """Draw images row by row, each enlarged by a whole factor without smoothing.

    The factor is the smallest that brings the shorter side to `smallest_side` pixels; with 1,
    images stay as they are, which is what a terminal needs. Captions are drawn to the left of the
    rows and above the columns; a caption wider than its column is broken between words.

    Raises:
        BadInput: n_columns is below 1, padding is negative, or the captions are not as many as rows
            or columns.
    """
    if n_columns < 1 or padding < 0:
        raise BadInput(f"need n_columns >= 1 and padding >= 0, got {n_columns} and {padding}")
    pixels = to_pixels(images)
    n, height, width, _ = pixels.shape
    n_rows, scale = -(-n // n_columns), max(1, -(-smallest_side // min(height, width)))
    for line, captions, n_lines in (
        ("row", row_captions, n_rows),
        ("column", column_captions, n_columns),
    ):
        if len(captions) not in (0, n_lines):
            raise BadInput(f"a grid with {n_lines} {line}s got {len(captions)} {line} captions")
    pixels = repeat(pixels, "n h w c -> n (h a) (w b) c", a=scale, b=scale)
    step_y, step_x = height * scale + padding, width * scale + padding
    headings = [break_words(caption, step_x) for caption in column_captions]
    top = padding + text_height(headings)
    left = padding + max((text_width(caption) + 8 for caption in row_captions), default=0)
    canvas = Image.new("RGB", (left + n_columns * step_x, top + n_rows * step_y), PAPER)
    for index, image in enumerate(pixels):
        row, column = divmod(index, n_columns)
        canvas.paste(Image.fromarray(image), (left + column * step_x, top + row * step_y))
    draw = ImageDraw.Draw(canvas)
    style = {"fill": INK, "font": font()}
    for row, caption in enumerate(row_captions):
        y = top + row * step_y + (step_y - padding) / 2
        draw.text((left - 8, y), caption, anchor="rm", **style)
    for column, heading in enumerate(headings):
        x = left + column * step_x + (step_x - padding) / 2
        draw.multiline_text((x, top - 4), heading, anchor="md", align="center", **style)
    return canvas


def save_png(path: Path, image: Image.Image) -> None:
    """Write an image as a PNG file; if writing fails, an old file stays as it was."""
    content = io.BytesIO()
    image.save(content, format="PNG")
    write_atomically(path, content.getvalue())


def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, so that a grid looks the same on every machine."""
    return ImageFont.load_default(FONT_SIZE)


def text_width(text: str) -> int:
    """Return the width of the widest line, in pixels."""
    return max(int(font().getbbox(line)[2]) + 1 for line in text.split("\n"))


def text_height(texts: Sequence[str]) -> int:
    """Return the height of the text with the most lines, in pixels; 0 for no text."""
    return max(((text.count("\n") + 1) * (FONT_SIZE + 5) + 4 for text in texts), default=0)


def break_words(text: str, width: int) -> str:
    """Break a text into lines of at most `width` pixels, where single words fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)
