"""The check of `mixed_noise` refuses common mistakes."""

import pytest
import torch

from diffusion.exercises.check_mixed_noise import check
from diffusion.exercises.solutions.mixed_noise import mixed_noise


def straight_line(first, second, weight):
    return (1 - weight) * first + weight * second


def other_direction(first, second, weight):
    return mixed_noise(second, first, weight)


def divides_by_the_variance(first, second, weight):
    return straight_line(first, second, weight) / ((1 - weight) ** 2 + weight**2)


def divides_by_the_sum_of_the_weights(first, second, weight):
    return straight_line(first, second, weight) / ((1 - weight) + weight)


def divides_by_the_measured_deviation(first, second, weight):
    mixed = straight_line(first, second, weight)
    return mixed / mixed.std()


def always_divides_by_the_root_of_two(first, second, weight):
    return straight_line(first, second, weight) * 2**0.5


def flattens(first, second, weight):
    return mixed_noise(first, second, weight).flatten()


WRONG = [
    straight_line,
    other_direction,
    divides_by_the_variance,
    divides_by_the_sum_of_the_weights,
    divides_by_the_measured_deviation,
    always_divides_by_the_root_of_two,
    flattens,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_the_solution_keeps_the_variance():
    first, second = torch.randn(2, 100_000, generator=torch.Generator().manual_seed(0))
    for weight in (0.0, 0.2, 0.5, 0.9):
        assert abs(mixed_noise(first, second, weight).var() - 1) < 0.02
