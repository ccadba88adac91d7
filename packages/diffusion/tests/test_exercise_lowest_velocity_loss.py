"""The check of `lowest_velocity_loss` refuses common mistakes."""

import pytest
import torch

from diffusion.exercises.check_lowest_velocity_loss import check
from diffusion.exercises.solutions.lowest_velocity_loss import lowest_velocity_loss


def variances(data):
    n = data.shape[1]
    return torch.linalg.eigvalsh(torch.cov(data.T, correction=0).reshape(n, n)).flip(0)


def without_noise(data, width):
    return variances(data)[width:].sum().item() / data.shape[1]


def smallest_directions_fit(data, width):
    return (variances(data) + 1).flip(0)[width:].sum().item() / data.shape[1]


def sum_over_coordinates(data, width):
    return (variances(data) + 1)[width:].sum().item()


def mean_over_the_rest(data, width):
    return (variances(data) + 1)[width:].sum().item() / max(1, data.shape[1] - width)


def mean_is_not_removed(data, width):
    second_moment = data.T @ data / len(data)
    rest = (torch.linalg.eigvalsh(second_moment).flip(0) + 1)[width:]
    return rest.sum().item() / data.shape[1]


def coordinates_for_directions(data, width):
    each = data.var(dim=0, correction=0).sort(descending=True).values + 1
    return each[width:].sum().item() / data.shape[1]


WRONG = [
    without_noise,
    smallest_directions_fit,
    sum_over_coordinates,
    mean_over_the_rest,
    mean_is_not_removed,
    coordinates_for_directions,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_no_linear_prediction_of_that_width_is_better_than_the_limit():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5000, 6, generator=generator) * torch.tensor([3.0, 2, 1, 0.5, 0.1, 0])
    v = torch.randn(5000, 6, generator=generator) - x
    best = lowest_velocity_loss(x, 2)
    centred = v - v.mean(dim=0)
    u, s, vh = torch.linalg.svd(centred, full_matrices=False)
    closest = u[:, :2] * s[:2] @ vh[:2]  # Eckart and Young: no other rank-2 matrix is closer
    assert abs((centred - closest).square().mean().item() - best) < 0.02
