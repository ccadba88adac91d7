"""Samplers: steps worked by hand, orders measured, evaluations counted."""

import math

import pytest
import torch

from diffusion.flow.mixture import Mixture, ring
from diffusion.flow.samplers import SAMPLERS, sample, trajectory
from diffusion.flow.times import sampling_times


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # dx/dt = x, one step from t = 1 to 0: 1 + h + h^2/2 + ... with h = -1
        ("euler", 0.0),
        ("heun", 0.5),
        ("midpoint", 0.5),
        ("rk4", 0.375),
    ],
)
def test_one_step_of_exponential_decay_worked_by_hand(name, expected):
    x = torch.ones(1, 1, dtype=torch.float64)
    found = SAMPLERS[name].step(lambda x, t: x, x, 1.0, 0.0)
    assert found.item() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "expected"),
    # dx/dt = 3 t^2 from 1 to 0: the velocity is 3 at the noise, 0.75 in the middle, 0 at the data
    [("euler", -3.0), ("heun", -1.5), ("midpoint", -0.75), ("rk4", -1.0)],
)
def test_a_velocity_that_changes_in_time_is_read_at_the_right_times(name, expected):
    x = torch.zeros(1, 1)
    found = SAMPLERS[name].step(lambda x, t: torch.full_like(x, 3 * t**2), x, 1.0, 0.0)
    assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_error_falls_with_the_stated_order(name):
    # on a single normal distribution the midpoint rule happens to be better than its order
    mixture = Mixture(*(each.double() for each in ring(std=0.5)))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(64, 2, dtype=torch.float64, generator=generator)
    exact = sample(mixture.velocity, noise, sampling_times(256), SAMPLERS["rk4"].step)
    errors = []
    for n_steps in (32, 64):
        found = sample(mixture.velocity, noise, sampling_times(n_steps), SAMPLERS[name].step)
        errors.append((found - exact).norm(dim=1).mean().item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(SAMPLERS[name].order, abs=0.15)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_evaluates_the_network_as_often_as_it_says(name):
    times = []

    def velocity(x, t):
        times.append(t)
        return -x

    sample(velocity, torch.ones(2, 3), sampling_times(7), SAMPLERS[name].step)
    assert len(times) == 7 * SAMPLERS[name].evaluations
    assert max(times) == 1 and min(times) >= 0


def test_a_trajectory_yields_the_noise_and_every_later_position():
    noise = torch.ones(1, 1)
    path = trajectory(lambda x, t: torch.full_like(x, 2.0), noise, sampling_times(4))
    assert [x.item() for x in path] == [1.0, 0.5, 0.0, -0.5, -1.0]
