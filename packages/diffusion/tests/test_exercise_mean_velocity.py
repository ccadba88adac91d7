"""The check of `mean_velocity` refuses common mistakes."""

import pytest
import torch

from diffusion.exercises.check_mean_velocity import check
from diffusion.exercises.solutions.mean_velocity import mean_velocity
from diffusion.flow.mixture import Mixture


def lines(x_t, points, t):
    noise = (x_t[:, None] - (1 - t) * points) / t
    return noise, (-noise.square().sum(dim=-1) / 2).softmax(dim=-1)


def plain_mean(x_t, points, t):
    noise, _ = lines(x_t, points, t)
    return (noise - points).mean(dim=1)


def nearest_point_only(x_t, points, t):
    noise, weights = lines(x_t, points, t)
    return (noise - points)[range(len(x_t)), weights.argmax(dim=1)]


def wrong_direction(x_t, points, t):
    return -mean_velocity(x_t, points, t)


def time_runs_backwards(x_t, points, t):
    return mean_velocity(x_t, points, 1.001 - t)


def noise_of_variance_t(x_t, points, t):
    noise, _ = lines(x_t, points, t)
    weights = (-noise.square().sum(dim=-1) / (2 * t)).softmax(dim=-1)
    return (weights[..., None] * (noise - points)).sum(dim=1)


def softmax_over_rows(x_t, points, t):
    noise, _ = lines(x_t, points, t)
    weights = (-noise.square().sum(dim=-1) / 2).softmax(dim=0)
    return (weights[..., None] * (noise - points)).sum(dim=1)


WRONG = [
    plain_mean,
    nearest_point_only,
    wrong_direction,
    time_runs_backwards,
    noise_of_variance_t,
    softmax_over_rows,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_the_solution_is_the_velocity_of_a_mixture_without_width():
    points = torch.randn(5, 3, dtype=torch.float64)
    x_t = torch.randn(7, 3, dtype=torch.float64)
    equal = torch.full((5,), 0.2, dtype=torch.float64)
    mixture = Mixture(points, torch.zeros(5, dtype=torch.float64), equal)
    for t in (0.1, 0.5, 1.0):
        torch.testing.assert_close(mean_velocity(x_t, points, t), mixture.velocity(x_t, t))
