"""The check of `gaussian_kl` refuses common mistakes."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from diffusion.exercises.check_gaussian_kl import check
from diffusion.exercises.solutions.gaussian_kl import gaussian_kl


def other_direction(mean, log_variance, prior_mean, prior_log_variance):
    return gaussian_kl(prior_mean, prior_log_variance, mean, log_variance)


def without_the_half(*numbers):
    return 2 * gaussian_kl(*numbers)


def standard_normal_prior(mean, log_variance, prior_mean, prior_log_variance):
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def never_shifts(mean, log_variance, prior_mean, prior_log_variance):
    return gaussian_kl(mean, log_variance, 0 * prior_mean, prior_log_variance)


def never_stretches_the_means(mean, log_variance, prior_mean, prior_log_variance):
    log_ratio = log_variance - prior_log_variance
    return ((mean - prior_mean).square() + log_ratio.exp() - 1 - log_ratio) / 2


def divides_by_the_variance(mean, log_variance, prior_mean, prior_log_variance):
    shifted = (mean - prior_mean) / prior_log_variance.exp()
    log_ratio = log_variance - prior_log_variance
    return (shifted.square() + log_ratio.exp() - 1 - log_ratio) / 2


def without_minus_one(*numbers):
    return gaussian_kl(*numbers) + 0.5


def deviations_for_variances(mean, log_variance, prior_mean, prior_log_variance):
    return gaussian_kl(mean, log_variance / 2, prior_mean, prior_log_variance / 2)


def one_sum(*numbers):
    return gaussian_kl(*numbers).sum()


WRONG = [
    other_direction,
    without_the_half,
    standard_normal_prior,
    never_shifts,
    never_stretches_the_means,
    divides_by_the_variance,
    without_minus_one,
    deviations_for_variances,
    one_sum,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_the_solution_equals_that_of_torch():
    mean, log_variance, prior_mean, prior_log_variance = torch.randn(4, 9, dtype=torch.float64)
    expected = kl_divergence(
        Normal(mean, (log_variance / 2).exp()),
        Normal(prior_mean, (prior_log_variance / 2).exp()),
    )
    found = gaussian_kl(mean, log_variance, prior_mean, prior_log_variance)
    torch.testing.assert_close(found, expected)
