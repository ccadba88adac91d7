import pytest
import torch

from diffusion.data.digits import digits
from diffusion.metrics.copies import augmentation_copies, near_copies
from gpt.errors import BadInput


def test_near_copies_by_hand():
    # Held-out points are 1, 2, 3, 4, 5 from the one training point; the 0.25 quantile is 2.
    train, held_out = torch.zeros(1, 1), torch.tensor([[1.0], [2], [3], [4], [5]])
    found = near_copies(torch.tensor([[0.5], [-1.9], [2.0], [7.0]]), train, held_out, 0.25)
    assert found.samples == 0.5
    assert found.held_out == pytest.approx(0.2)
    assert found.n_samples == 4


def test_training_digits_are_copies_and_fresh_ones_as_rare_as_held_out_ones():
    train, test = digits()
    known, fresh, held_out = train.images[:900], train.images[900:], test.images
    assert near_copies(known[:100], known, held_out).samples == 1
    found = near_copies(fresh, known, held_out)
    assert found.samples < 0.1
    assert found.held_out == pytest.approx(0.05, abs=0.005)


def test_slightly_noisy_training_digits_are_found():
    train, test = digits()
    noisy = train.images[:100] + 0.05 * torch.randn(100, 1, 8, 8)
    assert near_copies(noisy, train.images, test.images).samples > 0.9


def shift(images, generator):
    steps = torch.randint(1, 3, (len(images),), generator=generator)
    return torch.stack(
        [image.roll(int(n), dims=-1) for image, n in zip(images, steps, strict=True)]
    )


def test_augmentation_copies_by_hand():
    # The image with a 2 changes by sqrt(4 + 4) under every shift, the one with a 1 by sqrt(2).
    train = torch.zeros(2, 1, 1, 8)
    train[0, 0, 0, 0], train[1, 0, 0, 4] = 2, 1
    near_two, near_one, far_one = train[0].clone(), train[1].clone(), train[1].clone()
    near_two[0, 0, 7], near_one[0, 0, 7], far_one[0, 0, 7] = 2.7, 1.4, 1.5
    samples = torch.stack([near_two, near_one, far_one])
    found = augmentation_copies(samples, train, far_one[None], shift, torch.Generator())
    assert found.samples == pytest.approx(2 / 3)
    assert found.held_out == 0
    assert found.n_samples == 3


def test_shifted_training_digits_set_the_radius():
    train, test = digits()
    found = augmentation_copies(
        train.images[:50], train.images, test.images, shift, torch.Generator().manual_seed(0)
    )
    assert found.samples == 1
    # a digit moved by a pixel is further from itself than from many other digits
    assert 0.5 < found.held_out <= 1


@pytest.mark.parametrize("quantile", [0.0, 1.0, 5.0, -0.1])
def test_a_quantile_that_is_no_share_is_refused(quantile):
    with pytest.raises(BadInput, match=f"between 0 and 1, got {quantile}"):
        near_copies(torch.zeros(2, 1), torch.zeros(2, 1), torch.zeros(2, 1), quantile)


def test_nan_is_refused_since_it_would_count_as_no_copy():
    with pytest.raises(BadInput, match="points has 1 numbers that are NaN or infinite, of 2"):
        near_copies(torch.tensor([[0], [torch.nan]]), torch.zeros(2, 1), torch.zeros(2, 1))
