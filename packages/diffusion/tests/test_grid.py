import io

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion.display.grid import break_words, grid_image, save_png, text_width, to_pixels
from gpt.errors import BadInput


def test_numbers_in_minus_one_to_one_become_bytes():
    pixels = to_pixels(torch.tensor([-1.0, 0, 1, 5, -3]).reshape(5, 1, 1, 1))
    assert pixels[:, 0, 0].tolist() == [[0] * 3, [128] * 3, [255] * 3, [255] * 3, [0] * 3]


def test_red_stays_red():
    red = torch.tensor([1.0, -1, -1]).reshape(1, 3, 1, 1)
    assert to_pixels(red)[0, 0, 0].tolist() == [255, 0, 0]


def test_every_pixel_becomes_a_square_of_one_colour_in_its_place():
    images = torch.rand(5, 3, 8, 8) * 2 - 1
    drawn = np.asarray(grid_image(images, n_columns=2, padding=4))
    assert drawn.shape == (4 + 3 * 68, 4 + 2 * 68, 3)
    for index, (top, left) in enumerate([(4, 4), (4, 72), (72, 4)]):
        image = drawn[top : top + 64, left : left + 64]
        expected = to_pixels(images)[index]
        for dy, dx in ((0, 0), (7, 7), (3, 5)):
            np.testing.assert_array_equal(image[dy::8, dx::8], expected)
    assert (drawn[140:204, 72:136] == 255).all(), "the place without an image is empty"


@pytest.mark.parametrize(("side", "expected"), [(8, 64), (32, 64), (28, 84), (64, 64), (96, 96)])
def test_images_are_enlarged_by_whole_factors_to_64_pixels_or_more(side, expected):
    drawn = grid_image(torch.zeros(1, 1, side, side), 1, padding=0)
    assert drawn.size == (expected, expected)


def test_a_terminal_gets_images_as_they_are():
    assert grid_image(torch.zeros(2, 1, 8, 8), 2, padding=1, smallest_side=1).size == (19, 10)


def test_captions_are_drawn_outside_the_images():
    images = torch.zeros(4, 1, 8, 8)
    plain = grid_image(images, 2)
    drawn = grid_image(images, 2, row_captions=["a", "b"], column_captions=["one", "two words"])
    assert drawn.width > plain.width and drawn.height > plain.height
    corner = np.asarray(drawn)[-plain.height :, -plain.width :]
    np.testing.assert_array_equal(corner[4:], np.asarray(plain)[4:])
    assert (np.asarray(drawn)[: drawn.height - plain.height] < 100).any(), (
        "there is ink above the images"
    )


def test_words_wrap_where_they_no_longer_fit():
    assert break_words("a very long caption", text_width("a very")) == "a very\nlong\ncaption"
    assert break_words("unbreakable", 3) == "unbreakable"


def test_a_saved_image_is_read_back(tmp_path):
    drawn = grid_image(torch.rand(2, 3, 8, 8), 2)
    save_png(tmp_path / "grid.png", drawn)
    content = io.BytesIO((tmp_path / "grid.png").read_bytes())
    np.testing.assert_array_equal(np.asarray(Image.open(content)), np.asarray(drawn))
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (torch.zeros(2, 4, 8, 8), {}, "1 or 3 channels, got 2 with 4 channels"),
        (torch.zeros(0, 3, 8, 8), {}, "got 0 with 3 channels"),
        (torch.full((1, 1, 8, 8), torch.nan), {}, "NaN or infinite"),
        (torch.zeros(2, 1, 8, 8), {"n_columns": 0}, "got 0 and 4"),
        (torch.zeros(2, 1, 8, 8), {"padding": -1}, "got 2 and -1"),
        (torch.zeros(2, 1, 8, 8), {"row_captions": ["a", "b"]}, "1 rows got 2 row captions"),
        (torch.zeros(2, 1, 8, 8), {"column_captions": ["a"]}, "2 columns got 1 column captions"),
    ],
)
def test_what_makes_no_grid_is_refused(images, options, message):
    with pytest.raises(BadInput, match=message):
        grid_image(images, **({"n_columns": 2} | options))
