import pytest
import torch

from diffusion.data.digits import digits
from diffusion.metrics.features import extract_features, train_classifier
from diffusion.metrics.floor import above_floor
from diffusion.metrics.frechet import frechet_distance
from gpt.errors import BadInput


def train_on_digits(steps, seed=0):
    train, _ = digits()
    generator = torch.Generator().manual_seed(seed)
    return train_classifier(train.images, train.labels, generator, steps=steps)


def test_equal_seeds_give_equal_networks_and_other_seeds_do_not():
    a, b, other = (train_on_digits(3, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["to_features.weight"], other["to_features.weight"])


def test_features_do_not_depend_on_the_batch():
    model, images = train_on_digits(3), digits()[1].images[:7]
    together = extract_features(model, images)
    assert together.shape == (7, 64)
    torch.testing.assert_close(together, extract_features(model, images, batch_size=2))


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_images_of_any_size_end_as_maps_of_8_by_8(size):
    images, labels = torch.zeros(4, 3, size, size), torch.tensor([0, 1, 0, 1])
    model = train_classifier(images, labels, torch.Generator(), steps=1, batch_size=2)
    assert model.convolutions(images).shape == (4, 128, 8, 8)


@pytest.mark.slow
def test_features_of_digits_tell_digits_from_noise():
    model, (train, test) = train_on_digits(100), digits()
    assert (model(test.images).argmax(dim=1) == test.labels).float().mean() > 0.94
    real = extract_features(model, train.images)
    generator = torch.Generator().manual_seed(0)
    held_out = extract_features(model, test.images)
    assert 0.6 < above_floor(frechet_distance, held_out, real, generator).ratio < 2.5
    noise = extract_features(model, torch.rand(450, 1, 8, 8, generator=generator) * 2 - 1)
    assert above_floor(frechet_distance, noise, real, generator).ratio > 15


def test_another_number_of_channels_is_refused():
    with pytest.raises(BadInput, match="reads 1 channels, got 3"):
        train_on_digits(1).features(torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize(
    ("labels", "steps", "message"),
    [([0, 0], 1, "got 1 and 1"), ([0, 1], 0, "got 2 and 0")],
)
def test_training_without_labels_or_steps_is_refused(labels, steps, message):
    with pytest.raises(BadInput, match=message):
        train_classifier(
            torch.zeros(2, 1, 8, 8), torch.tensor(labels), torch.Generator(), steps=steps
        )


def test_nan_images_are_refused():
    images = torch.full((2, 1, 8, 8), torch.nan)
    with pytest.raises(BadInput, match="images has 128 numbers that are NaN"):
        train_classifier(images, torch.tensor([0, 1]), torch.Generator())
