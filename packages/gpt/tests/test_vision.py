import pytest
import torch
import torch.nn.functional as F

from gpt.architectures.encoder import EncoderConfig
from gpt.architectures.vision import VisionTransformer, image_patches
from gpt.errors import BadInput
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, train

CONFIG = EncoderConfig(2, context=16, n_layers=1, n_heads=2, d_model=32, d_ff=64, norm="pre")


def test_patches_by_hand():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    expected = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert image_patches(image, 2)[0].tolist() == expected


def test_the_patch_embedding_is_a_convolution_with_steps_as_long_as_its_kernel():
    model, images = VisionTransformer(CONFIG, n_channels=3, patch_size=2), torch.randn(2, 3, 8, 8)
    ours = model.patch_embedding(image_patches(images, 2))
    kernel = model.patch_embedding.weight.view(32, 3, 2, 2)
    library = F.conv2d(images, kernel, model.patch_embedding.bias, stride=2)
    torch.testing.assert_close(ours, library.flatten(2).mT, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("size", [0, 3, 5])
def test_squares_that_do_not_fill_the_image_are_refused(size):
    with pytest.raises(BadInput, match=f"an image of 4 x 4 cannot be cut into squares of {size}"):
        image_patches(torch.zeros(1, 1, 4, 4), size)


def bars(step, n=64):
    """Draw a bar of four pixels, horizontal (0) or vertical (1), anywhere in an image of 8 x 8."""
    generator = torch.Generator().manual_seed(step)
    labels = torch.randint(2, (n,), generator=generator)
    places = torch.randint(5, (n, 2), generator=generator).tolist()
    images = 0.1 * torch.randn(n, 1, 8, 8, generator=generator)
    for image, label, (along, across) in zip(images, labels, places, strict=True):
        plane = image[0] if label == 0 else image[0].T
        plane[across, along : along + 4] += 3
    return images, labels


@pytest.mark.slow
def test_unseen_horizontal_and_vertical_bars_are_told_apart():
    def loss(model, batch):
        images, labels = batch
        return LossSum(F.cross_entropy(model(images), labels, reduction="sum"), len(labels))

    model = VisionTransformer(CONFIG, n_channels=1, patch_size=2)
    for _ in train(model, lambda step: [bars(step, n=32)], loss, LoopConfig(60, 2e-2)):
        pass
    images, labels = bars(10**6, n=200)
    assert (model(images).argmax(dim=1) == labels).float().mean() > 0.95
