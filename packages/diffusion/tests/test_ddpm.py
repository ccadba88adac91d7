"""Flow matching, scores and DDPM: the same quantity in different units."""

import torch

from diffusion.flow.ddpm import alpha_bar, ddpm_state, score_from_velocity, time_of_alpha_bar
from diffusion.flow.mixture import Mixture, ring
from diffusion.flow.path import broadcast_time, interpolate, noise_from_velocity


def test_the_score_is_the_gradient_of_the_log_density():
    mixture, t = Mixture(*(each.double() for each in ring())), 0.6
    x = torch.randn(20, 2, dtype=torch.float64).requires_grad_()
    variances = (1 - t) ** 2 * mixture.stds**2 + t**2
    squares = (x[:, None] - (1 - t) * mixture.means).square().sum(dim=-1)
    log_density = (mixture.weights.log() - squares / (2 * variances) - variances.log()).logsumexp(1)
    (gradient,) = torch.autograd.grad(log_density.sum(), x)
    times = torch.full((20,), t, dtype=torch.float64)
    x = x.detach()
    torch.testing.assert_close(score_from_velocity(x, mixture.velocity(x, t), times), gradient)


def test_a_state_is_the_same_mixture_of_data_and_noise_as_in_a_ddpm():
    x, noise, t = torch.randn(9, 1, 4, 4), torch.randn(9, 1, 4, 4), torch.rand(9)
    a = broadcast_time(alpha_bar(t), x)
    z = ddpm_state(interpolate(x, noise, t), t)
    torch.testing.assert_close(z, a.sqrt() * x + (1 - a).sqrt() * noise)


def test_fractions_and_times_worked_by_hand():
    t = torch.tensor([0.0, 0.5, 0.75, 1.0])
    torch.testing.assert_close(alpha_bar(t), torch.tensor([1.0, 0.5, 0.1, 0.0]))
    torch.testing.assert_close(time_of_alpha_bar(alpha_bar(t)), t)


def test_the_noise_of_a_state_follows_from_its_velocity():
    x, noise, t = torch.randn(9, 3), torch.randn(9, 3), torch.rand(9)
    x_t = interpolate(x, noise, t)
    torch.testing.assert_close(noise_from_velocity(x_t, noise - x, t), noise)
