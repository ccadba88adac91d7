import pytest
import torch

from diffusion.data.digits import digits
from diffusion.metrics.coverage import coverage
from gpt.errors import BadInput


def generator():
    return torch.Generator().manual_seed(0)


def test_coverage_of_ten_points_by_hand():
    # Held-out points are 1, 2, ..., 10 away from the nearest training point, so the 0.9 quantile
    # is 9.1. The samples are 0.5 away from all of them but two, which are 9.5 and 20 away.
    held_out = torch.arange(10.0)[:, None] * 1000
    train = held_out + torch.arange(1.0, 11)[:, None]
    away = torch.full((10, 1), 0.5)
    away[3], away[7] = 9.5, 20
    found = coverage(held_out - away, train, held_out, generator())
    assert found.radius == pytest.approx(9.1)
    assert found.share == pytest.approx(0.8)
    assert found.training_share == pytest.approx(0.9)
    assert found.distance_ratio == pytest.approx((8 * 0.5 + 9.5 + 20) / 55)
    assert found.n_held_out == 10


def test_fresh_training_digits_cover_about_nine_tenths():
    train, test = digits()
    found = coverage(train.images[:450], train.images[450:900], test.images, generator())
    assert found.share == pytest.approx(0.9, abs=0.06)
    assert found.distance_ratio == pytest.approx(1, abs=0.06)


def test_a_model_that_draws_only_ones_leaves_three_quarters_uncovered():
    train, test = digits()
    ones = train.images[train.labels == 1]
    found = coverage(ones, train.images, test.images, generator())
    assert found.share < 0.3
    assert found.distance_ratio > 1.2


def test_training_images_are_drawn_in_the_number_of_the_samples():
    # with all 1347 training digits the radius would be smaller, and the share of samples lower
    train, test = digits()
    few = coverage(train.images[:100], train.images, test.images, generator())
    many = coverage(train.images, train.images, test.images, generator())
    assert few.radius > 1.15 * many.radius
    assert few.training_share == pytest.approx(0.9, abs=0.01)


def test_the_order_of_samples_does_not_matter():
    train, test = digits()
    samples = train.images[:50]
    a = coverage(samples, train.images, test.images, generator())
    assert a == coverage(samples.flip(0), train.images, test.images, generator())


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (torch.zeros(5, 2), "got 5 samples and 4 training images, so pass at most 4 samples"),
        (torch.zeros(2, 3), r"others has rows of shape|points has rows of shape \[2\]"),
        (torch.full((2, 2), torch.nan), "4 numbers that are NaN or infinite, of 4"),
        (torch.zeros(0, 2), "needs at least 1 rows, got 0"),
    ],
)
def test_wrong_samples_are_refused(samples, message):
    with pytest.raises(BadInput, match=message):
        coverage(samples, torch.zeros(4, 2), torch.zeros(3, 2), generator())
