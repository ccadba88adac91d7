import math

import pytest
import torch
from scipy import linalg

from diffusion.data.digits import digits
from diffusion.metrics.floor import above_floor, real_floor
from diffusion.metrics.frechet import frechet_distance, gaussian_frechet_distance
from gpt.errors import BadInput


def generator():
    return torch.Generator().manual_seed(0)


def test_one_number_per_row_by_hand():
    # means 1 and 5, variances 2 and 8: 16 + 2 + 8 - 2 sqrt(16) = 18
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [7.0]])
    assert frechet_distance(a, b) == pytest.approx(18)


def test_diagonal_covariances_add_up_axis_by_axis():
    # |m|^2 + sum of (s_1 - s_2)^2 = 9 + 16 + (1 - 3)^2 + (2 - 5)^2 = 38
    found = gaussian_frechet_distance(
        torch.zeros(2), torch.diag(torch.tensor([1.0, 4])),
        torch.tensor([3.0, 4]), torch.diag(torch.tensor([9.0, 25])),
    )  # fmt: skip
    assert found.item() == pytest.approx(38, rel=1e-6)


def test_covariances_that_do_not_commute_by_hand():
    # C_1 C_2 = [[4, 0], [0, 1]] [[2, 1], [1, 2]] = [[8, 4], [1, 2]]: trace 10, determinant 12.
    # The trace of its root is sqrt(10 + 2 sqrt(12)), so d^2 = 5 + 4 - 2 sqrt(10 + 2 sqrt 12).
    cov_1 = torch.diag(torch.tensor([4.0, 1], dtype=torch.float64))
    cov_2 = torch.tensor([[2.0, 1], [1, 2]], dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.float64)
    expected = 9 - 2 * math.sqrt(10 + 2 * math.sqrt(12))
    for pair in ((cov_1, cov_2), (cov_2, cov_1)):
        found = gaussian_frechet_distance(zero, pair[0], zero, pair[1])
        assert found.item() == pytest.approx(expected, abs=1e-12)


def test_the_root_equals_that_of_scipy():
    a, b = torch.randn(40, 6, dtype=torch.float64), torch.randn(30, 6, dtype=torch.float64) * 2 + 1
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    root = linalg.sqrtm((cov_a @ cov_b).numpy()).real
    expected = (a.mean(0) - b.mean(0)).square().sum() + (cov_a + cov_b).trace() - 2 * root.trace()
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-9)


def test_a_set_is_at_no_distance_from_itself_in_any_order():
    rows = digits()[0].images[:100]
    assert frechet_distance(rows, rows.flip(0)) == pytest.approx(0, abs=1e-5)


def test_fewer_rows_than_features_give_a_finite_distance():
    assert math.isfinite(frechet_distance(torch.randn(3, 20), torch.randn(4, 20)))


def test_real_digits_are_near_the_floor_and_noise_is_far_above_it():
    train, test = digits()
    real = train.images.flatten(1)
    found = above_floor(frechet_distance, test.images.flatten(1), real, generator(), splits=4)
    assert 0.7 < found.ratio < 2.5
    assert found.ratio == pytest.approx(found.distance / found.floor)
    noise = torch.rand(450, 64, generator=generator()) * 2 - 1
    assert above_floor(frechet_distance, noise, real, generator(), splits=2).ratio > 20


def test_the_floor_falls_with_more_rows():
    real = digits()[0].images.flatten(1)
    few, many = (real_floor(frechet_distance, real, n, generator(), 4) for n in (100, 600))
    assert few > 3 * many


def test_the_two_sets_of_a_split_share_no_row():
    seen = []

    def overlap(a, b):
        seen.append(len({*a[:, 0].tolist()} & {*b[:, 0].tolist()}))
        return float(len(a))

    assert real_floor(overlap, torch.arange(20.0)[:, None], 10, generator(), splits=3) == 10
    assert seen == [0, 0, 0]


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (torch.zeros(1, 3), "a needs at least 2 rows, got 1"),
        (torch.zeros(4, 2), r"b has rows of shape \[3\], but a has rows of shape \[2\]"),
        (torch.full((4, 3), torch.inf), "a has 12 numbers that are NaN or infinite, of 12"),
    ],
)
def test_wrong_features_are_refused(a, message):
    with pytest.raises(BadInput, match=message):
        frechet_distance(a, torch.zeros(5, 3))


def test_a_floor_needs_two_real_rows_per_sample():
    with pytest.raises(BadInput, match="sets of 6 rows need 12 real rows, got 11; pass at most 5"):
        real_floor(frechet_distance, torch.zeros(11, 2), 6, generator())
