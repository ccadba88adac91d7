"""The flow of a normal distribution, which is known exactly."""

import pytest
import torch

from diffusion.flow.gaussian import GaussianFlow
from diffusion.flow.samplers import SAMPLERS, sample
from diffusion.flow.times import sampling_times

FLOW = GaussianFlow(
    torch.tensor([1.0, -3.0], dtype=torch.float64), torch.tensor([0.5, 2.0], dtype=torch.float64)
)


def test_velocities_worked_by_hand():
    flow = GaussianFlow(torch.tensor([2.0]), torch.tensor([1.0]))
    x = torch.tensor([[3.0]])
    assert flow.velocity(x, 1.0).item() == 1  # e - m, since the mean of the data is m
    assert flow.velocity(x, 0.5).item() == -2  # slope 0 by symmetry
    assert flow.velocity(x, 0.0).item() == -3  # -x, since the mean of the noise is 0


def test_the_sampled_path_is_the_exact_one():
    noise = torch.randn(100, 2, dtype=torch.float64)
    found = sample(FLOW.velocity, noise, sampling_times(200), SAMPLERS["rk4"].step)
    exact = FLOW.position(noise, 0.0)
    torch.testing.assert_close(found, exact, atol=1e-6, rtol=0)
    torch.testing.assert_close(exact, FLOW.mean + FLOW.std * noise, atol=1e-12, rtol=0)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_the_position_moves_with_the_velocity(t):
    noise, h = torch.randn(10, 2, dtype=torch.float64), 1e-5
    slope = (FLOW.position(noise, t + h) - FLOW.position(noise, t - h)) / (2 * h)
    velocity = FLOW.velocity(FLOW.position(noise, t), t)
    torch.testing.assert_close(velocity, slope, atol=1e-6, rtol=0)


def test_the_velocity_is_the_mean_over_lines_through_a_point():
    # regress e - x on x_t: for normal variables, the mean given x_t is linear in x_t
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(400_000, dtype=torch.float64, generator=generator) for _ in "ab")
    x, t = 1 + 0.5 * x, 0.3
    x_t, target = (1 - t) * x + t * noise, noise - x
    slope = torch.cov(torch.stack([x_t, target]))[0, 1] / x_t.var()
    points = torch.tensor([[0.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    expected = target.mean() + slope * (points[:, 0] - x_t.mean())
    torch.testing.assert_close(FLOW.velocity(points, t)[:, 0], expected, atol=0.01, rtol=0)
