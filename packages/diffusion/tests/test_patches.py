"""Images as sequences of patches, and back."""

import pytest
import torch

from diffusion.model.patches import patchify, unpatchify


def test_the_patches_of_a_small_image_worked_by_hand():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert patchify(image, 2).tolist() == [
        [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    ]


def test_the_channels_of_a_pixel_are_adjacent():
    image = torch.stack([torch.zeros(2, 2), torch.ones(2, 2)])[None]
    assert patchify(image, 2).tolist() == [[[0, 1, 0, 1, 0, 1, 0, 1]]]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 12)])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_putting_patches_together_restores_the_image(height, width, size):
    images = torch.randn(3, 5, height, width)
    assert torch.equal(unpatchify(patchify(images, size), size, height // size), images)
