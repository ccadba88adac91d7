import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from diffusion.display.terminal import Capability, detect_capability, terminal_image
from gpt.errors import BadInput

CELL = re.compile(r"\x1b\[38;2;(\d+);(\d+);(\d+)m\x1b\[(?:48;2;(\d+);(\d+);(\d+)|49)m▀")


def random_image(height, width):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def read_half_blocks(text):
    """Return the pixels that a terminal would show; None where it keeps its background."""
    rows = []
    for line in text.splitlines():
        assert CELL.sub("", line) == "\x1b[0m", "each line resets the colours at its end"
        cells = [[int(level) if level else None for level in found] for found in CELL.findall(line)]
        rows += [[cell[:3] for cell in cells], [cell[3:] for cell in cells]]
    return rows


def test_half_blocks_show_every_pixel():
    image = random_image(6, 5)
    assert read_half_blocks(terminal_image(image, Capability.COLOUR)) == np.asarray(image).tolist()


def test_the_lower_half_of_an_odd_last_row_keeps_the_background():
    image = random_image(3, 2)
    *rows, last = read_half_blocks(terminal_image(image, Capability.COLOUR))
    assert rows == np.asarray(image).tolist()
    assert last == [[None] * 3] * 2


def test_two_pixels_by_hand():
    image = Image.fromarray(np.array([[[255, 0, 0]], [[0, 0, 255]]], dtype=np.uint8))
    expected = "\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m▀\x1b[0m\n"
    assert terminal_image(image, Capability.COLOUR) == expected


def test_wide_images_are_scaled_down_to_the_terminal():
    text = terminal_image(random_image(20, 200), Capability.COLOUR, n_columns=50)
    rows = read_half_blocks(text)
    assert {len(row) for row in rows} == {50}
    assert len(rows) == 6  # 5 rows, the last pair half empty


def test_brighter_pixels_are_denser_characters():
    levels = np.array([[0, 30, 130, 255]] * 3, dtype=np.uint8)
    assert terminal_image(Image.fromarray(levels), Capability.PLAIN) == " .+@\n .+@\n"


@pytest.mark.parametrize("side", [4, 120])
def test_kitty_gets_the_png_in_chunks(side):
    image = random_image(side, side)
    text = terminal_image(image, Capability.KITTY)
    commands = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert commands[0][0].startswith("a=T,f=100,q=2,m=")
    assert [keys[-3:] for keys, _ in commands] == ["m=1"] * (len(commands) - 1) + ["m=0"]
    assert len(commands) == (1 if side == 4 else 15)
    assert all(len(chunk) <= 4096 for _, chunk in commands)
    content = io.BytesIO(base64.b64decode("".join(chunk for _, chunk in commands)))
    np.testing.assert_array_equal(np.asarray(Image.open(content)), np.asarray(image))


def test_iterm_gets_the_png_inline():
    image = random_image(5, 7)
    [data] = re.findall(r"^\x1b\]1337;File=inline=1;width=7px:([^\a]*)\a\n$",
                        terminal_image(image, Capability.ITERM))  # fmt: skip
    content = io.BytesIO(base64.b64decode(data))
    np.testing.assert_array_equal(np.asarray(Image.open(content)), np.asarray(image))


def test_without_a_terminal_there_is_no_text():
    assert terminal_image(random_image(2, 2), Capability.NONE) is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-256color"}, Capability.COLOUR),
        ({"TERM": "xterm-kitty"}, Capability.KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, Capability.KITTY),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, Capability.COLOUR),
        ({"TERM_PROGRAM": "iTerm.app"}, Capability.ITERM),
        ({"TERM_PROGRAM": "iTerm.app", "TMUX": "/tmp/tmux"}, Capability.COLOUR),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, Capability.PLAIN),
        ({"TERM": "xterm", "NO_COLOR": ""}, Capability.COLOUR),
        ({"TERM": "dumb"}, Capability.PLAIN),
        ({}, Capability.COLOUR),
    ],
)
def test_the_environment_tells_what_a_terminal_shows(environment, expected):
    assert detect_capability(environment, is_terminal=True) is expected
    assert detect_capability(environment, is_terminal=False) is Capability.NONE


def test_a_terminal_without_columns_is_refused():
    with pytest.raises(BadInput, match="n_columns must be at least 1, got 0"):
        terminal_image(random_image(2, 2), Capability.PLAIN, n_columns=0)
