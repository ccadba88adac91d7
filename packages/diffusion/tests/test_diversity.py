import pytest
import torch

from diffusion.data.digits import digits
from diffusion.data.image_set import ImageSet
from diffusion.metrics.diversity import class_diversity, mean_pairwise_distance
from gpt.errors import BadInput


def images_at(values, labels):
    images = torch.tensor(values)[:, None, None, None]
    return ImageSet(images, torch.tensor(labels), [""] * len(values), ("cat", "dog"))


def test_the_mean_of_three_distances_by_hand():
    assert mean_pairwise_distance(torch.tensor([[0.0], [1.0], [4.0]])) == pytest.approx(8 / 3)


def test_the_ratio_is_taken_per_class():
    # cats: 0.1 apart where real ones are 0.2; dogs: 0.3 against 0.3. The classes are far apart.
    samples = images_at([0.0, 0.1, 0.6, 0.9], [0, 0, 1, 1])
    real = images_at([-0.9, -0.7, 0.5, 0.8], [0, 0, 1, 1])
    assert class_diversity(samples, real) == pytest.approx(0.75)


def test_held_out_digits_are_as_varied_as_training_digits():
    train, test = digits()
    assert class_diversity(test, train) == pytest.approx(1, abs=0.05)


def test_a_label_with_one_sample_is_refused_by_its_name():
    samples, real = images_at([0.0, 0.1, 0.6], [0, 0, 1]), images_at([0.1, 0.2, 0.4], [0, 0, 0])
    with pytest.raises(BadInput, match="got 1 samples and 0 real images of 'dog'"):
        class_diversity(samples, real)


def test_one_row_has_no_distance():
    with pytest.raises(BadInput, match="rows needs at least 2 rows, got 1"):
        mean_pairwise_distance(torch.zeros(1, 3))
