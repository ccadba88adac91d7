"""Check classification by captions on vectors in the plane."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(zero_shot: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Compare with names that can be found by hand."""
    right, up, left, down = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]
    cases = [
        ("one caption per name", [right, up], [[up], [right]], [1, 0]),
        ("long image vectors", [[9.0, 1.0], [-3.0, 4.0]], [[right], [up]], [0, 1]),
        ("a negative cosine is worse than 0", [right], [[left], [up]], [1]),
        ("a long caption vector is not a better one", [up], [[[9.0, 9.0]], [up]], [1]),
        # the mean of the first name has a cosine of 0.71 with the image, that of the second 0.6
        (
            "a long caption does not outvote the other",
            [right],
            [[right, [0, 9]], [[3, 4]] * 2],
            [0],
        ),
        # the mean of the first name is short, since its captions disagree
        ("a short mean is not a worse one", [[1.0, 0.2]], [[[1, 2], [1, -2]], [[1, 1]] * 2], [0]),
        ("all captions count", [up], [[up, down, right], [[3, 4]] * 3], [1]),
    ]
    for name, images, captions, expected in cases:
        of_images, of_captions = (torch.tensor(each).float() for each in (images, captions))
        yours = zero_shot(of_images, of_captions)
        assert yours.shape == (len(images),), (
            f"{name}: the shape is [{len(images)}], not {list(yours.shape)}"
        )
        assert yours.tolist() == expected, (
            f"{name}: the images {images} have the names {expected}, not {yours.tolist()}"
        )
