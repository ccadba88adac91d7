"""Images in a terminal: the sharpest form that the terminal understands, as a string to print.

kitty and iTerm2 draw the pixels of a PNG. Every terminal with colours can draw two pixels per
character: an upper half block, whose foreground is the upper pixel and whose background the lower.
Without colours, characters that cover more of their cell are brighter pixels.
"""

import base64
import io
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from enum import Enum

import numpy as np
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from diffusion.display.grid import grid_image
from gpt.errors import BadInput

SHADES = " .:-=+*#%@"
"""From dark to bright, for light characters on a dark screen."""
CHUNK = 4096
"""Most characters of one command of the kitty protocol."""


class Capability(Enum):
    """The form of image that a terminal can show."""

    KITTY = "kitty graphics protocol"
    ITERM = "iTerm2 inline images"
    COLOUR = "half blocks in 24-bit colours"
    PLAIN = "characters as shades of grey"
    NONE = "no images: the output is not a terminal"


def detect_capability(environment: Mapping[str, str], is_terminal: bool) -> Capability:
    """Return the form of image for a terminal, from the variables that it sets.

    NO_COLOR (no-color.org) asks for no colours. Within tmux or screen, which swallow graphics
    commands, half blocks are the safe form.
    """
    term = environment.get("TERM", "")
    if not is_terminal:
        return Capability.NONE
    if environment.get("NO_COLOR") or term == "dumb":
        return Capability.PLAIN
    if "TMUX" in environment or term.startswith(("screen", "tmux")):
        return Capability.COLOUR
    if "KITTY_WINDOW_ID" in environment or term in ("xterm-kitty", "xterm-ghostty"):
        return Capability.KITTY
    if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        return Capability.ITERM
    return Capability.COLOUR


def show_images(images: Float[Tensor, "N C height width"], n_columns: int) -> None:
    """Show images in the terminal, in the sharpest form that it understands.

    Nothing is printed if the output is not a terminal.
    """
    capability = detect_capability(os.environ, sys.stdout.isatty())
    draws_pixels = capability in (Capability.KITTY, Capability.ITERM)
    grid = grid_image(images, n_columns, padding=1, smallest_side=64 if draws_pixels else 1)
    shown = terminal_image(grid, capability, shutil.get_terminal_size().columns)
    if shown is not None:
        print(shown)


def terminal_image(image: Image.Image, capability: Capability, n_columns: int = 80) -> str | None:
    """Return the text that shows an image in a terminal; None where none can be shown.

    Half blocks and shades are scaled down to `n_columns` characters where the image is wider.

    Raises:
        BadInput: n_columns is below 1.
    """
    if n_columns < 1:
        raise BadInput(f"n_columns must be at least 1, got {n_columns}")
    match capability:
        case Capability.KITTY:
            return "".join(kitty_commands(image)) + "\n"
        case Capability.ITERM:
            return iterm_command(image) + "\n"
        case Capability.COLOUR:
            return half_blocks(fit_width(image, n_columns))
        case Capability.PLAIN:
            return shades(fit_width(image, n_columns))
        case Capability.NONE:
            return None


def fit_width(image: Image.Image, n_columns: int) -> Image.Image:
    """Return the image in RGB, scaled down to at most n_columns pixels in width."""
    image = image.convert("RGB")
    if image.width <= n_columns:
        return image
    height = max(1, round(image.height * n_columns / image.width))
    return image.resize((n_columns, height), Image.Resampling.BOX)


def half_blocks(image: Image.Image) -> str:
    """Draw two rows of pixels per line: the foreground colours the upper, the background the lower.

    The lower half of a last odd row keeps the terminal's own background.
    """
    pixels = np.asarray(image).tolist()
    lines = []
    for y in range(0, len(pixels), 2):
        upper, lower = pixels[y], pixels[y + 1] if y + 1 < len(pixels) else None
        cells = []
        for x, (red, green, blue) in enumerate(upper):
            background = "\x1b[49m" if lower is None else "\x1b[48;2;{};{};{}m".format(*lower[x])
            cells.append(f"\x1b[38;2;{red};{green};{blue}m{background}▀")
        lines.append("".join(cells) + "\x1b[0m\n")
    return "".join(lines)


def shades(image: Image.Image) -> str:
    """Draw one line per two rows of pixels, as brighter and darker characters."""
    grey = np.asarray(image.convert("L"), dtype=float)
    if len(grey) % 2:
        grey = np.concatenate([grey, grey[-1:]])
    levels = rearrange(grey, "(y two) x -> y x two", two=2).mean(axis=-1)
    indices = (levels / 256 * len(SHADES)).astype(int)
    return "".join("".join(SHADES[index] for index in line).rstrip() + "\n" for line in indices)


def kitty_commands(image: Image.Image) -> Iterator[str]:
    """Yield the commands that send a PNG in chunks (sw.kovidgoyal.net/kitty/graphics-protocol).

    a=T draws at once, f=100 says PNG, q=2 asks for no reply, and m=1 says that more chunks follow.
    """
    data = png_base64(image)
    for start in range(0, len(data), CHUNK):
        more = int(start + CHUNK < len(data))
        keys = f"a=T,f=100,q=2,m={more}" if start == 0 else f"m={more}"
        yield f"\x1b_G{keys};{data[start : start + CHUNK]}\x1b\\"


def iterm_command(image: Image.Image) -> str:
    """Return the command that draws a PNG in place (iterm2.com/documentation-images.html)."""
    return f"\x1b]1337;File=inline=1;width={image.width}px:{png_base64(image)}\a"


def png_base64(image: Image.Image) -> str:
    """Return an image as PNG in base64."""
    content = io.BytesIO()
    image.save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode("ascii")
