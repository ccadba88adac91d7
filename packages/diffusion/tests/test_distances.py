import math

import pytest
import torch
from scipy import optimize

from diffusion.metrics.distances import (
    energy_distance,
    sliced_wasserstein_distance,
    wasserstein_1d,
)
from diffusion.metrics.floor import real_floor
from gpt.errors import BadInput


def test_the_energy_distance_of_two_pairs_by_hand():
    # between: |0-3|, |0-5|, |1-3|, |1-5| = 3, 5, 2, 4, mean 3.5; within: 1 and 2; 7 - 1 - 2 = 4
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0], [5.0]])
    assert energy_distance(a, b) == pytest.approx(4)


def test_the_energy_distance_of_shifted_normals_equals_the_integral():
    # E|N(2, 2)| and E|N(0, 2)| with variance 2: 2 * 2.1997 ... - 2 * 2/sqrt(pi)
    sd = math.sqrt(2)
    folded = sd * math.sqrt(2 / math.pi) * math.exp(-1) + 2 * math.erf(1)
    expected = 2 * folded - 2 * 2 / math.sqrt(math.pi)
    a, b = torch.randn(3000, 1), torch.randn(3000, 1) + 2
    assert energy_distance(a, b) == pytest.approx(expected, abs=0.1)


def test_the_energy_distance_between_sets_of_one_distribution_is_zero_on_average():
    found = [energy_distance(torch.randn(10, 2), torch.randn(10, 2)) for _ in range(400)]
    # counting rows with themselves would add about 2 * 1.77 / 10 to each
    assert sum(found) / 400 == pytest.approx(0, abs=0.04)
    assert min(found) < 0


def test_numbers_on_a_line_keep_their_order():
    # sorted: 1, 4 and 2, 6: (1 + 4) / 2
    a, b = torch.tensor([4.0, 1]), torch.tensor([2.0, 6])
    assert wasserstein_1d(a, b).item() == 2.5


def test_sorting_finds_the_cheapest_assignment():
    a, b = torch.randn(30), torch.randn(30) * 2 + 1
    cost = (a[:, None] - b).square().numpy()
    expected = cost[optimize.linear_sum_assignment(cost)].mean()
    assert wasserstein_1d(a, b).item() == pytest.approx(expected, rel=1e-5)


def test_moving_all_points_gives_the_shift_over_the_root_of_two():
    points = torch.randn(50, 2)
    moved = points + torch.tensor([3.0, 4.0])
    assert sliced_wasserstein_distance(points, moved) == pytest.approx(5 / math.sqrt(2), rel=1e-5)


def test_rotated_points_that_look_alike_on_both_axes_are_apart():
    # a cross + and a cross x of one width have equal spread, but other directions tell them apart
    plus = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    angle = math.pi / 4
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert sliced_wasserstein_distance(plus, plus @ turn) > 0.2


def test_the_order_of_points_does_not_matter():
    a, b = torch.randn(20, 2), torch.randn(20, 2)
    for distance in (energy_distance, sliced_wasserstein_distance):
        assert distance(a, b) == pytest.approx(distance(a.flip(0), b), rel=1e-5)
        assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-5)


def test_sliced_distances_have_a_floor_that_falls_with_more_points():
    real, generator = torch.randn(1000, 2), torch.Generator().manual_seed(0)
    few, many = (real_floor(sliced_wasserstein_distance, real, n, generator) for n in (50, 500))
    assert few > 2 * many > 0


@pytest.mark.parametrize(
    ("distance", "a", "b", "message"),
    [
        (energy_distance, torch.zeros(1, 2), torch.zeros(3, 2), "a needs at least 2 rows, got 1"),
        (sliced_wasserstein_distance, torch.zeros(4, 2), torch.zeros(3, 2), "got 4 and 3"),
        (sliced_wasserstein_distance, torch.zeros(0, 2), torch.zeros(0, 2), "at least 1 rows"),
        (energy_distance, torch.full((2, 2), torch.nan), torch.zeros(2, 2), "4 numbers that are"),
    ],
)
def test_wrong_points_are_refused(distance, a, b, message):
    with pytest.raises(BadInput, match=message):
        distance(a, b)


def test_one_direction_is_refused():
    with pytest.raises(BadInput, match="n_directions must be at least 2, got 1"):
        sliced_wasserstein_distance(torch.zeros(3, 2), torch.zeros(3, 2), 1)
