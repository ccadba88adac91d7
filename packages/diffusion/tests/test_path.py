"""The line between data and noise; time 0 is the data."""

import pytest
import torch

from diffusion.flow.path import (
    SMALLEST_TIME,
    broadcast_time,
    data_from_velocity,
    interpolate,
    noise_from_velocity,
    velocity_from_data,
)

X = torch.tensor([[4.0, -2.0], [4.0, -2.0], [4.0, -2.0]])
NOISE = torch.tensor([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0]])


def test_three_points_of_a_line_worked_by_hand():
    # the data itself, a quarter of the way, and the noise itself
    points = interpolate(X, NOISE, torch.tensor([0.0, 0.25, 1.0]))
    assert points.tolist() == [[4.0, -2.0], [3.0, -1.0], [0.0, 2.0]]


def test_the_velocity_is_the_slope_of_the_line_in_time():
    t, h = torch.tensor([0.0, 0.25, 0.5]), 0.125
    slope = (interpolate(X, NOISE, t + h) - interpolate(X, NOISE, t)) / h
    assert torch.equal(slope, NOISE - X)


@pytest.mark.parametrize("shape", [(5, 2), (5, 3, 4, 4)])
def test_data_and_noise_follow_from_a_point_and_its_velocity(shape):
    x, noise, t = torch.randn(shape), torch.randn(shape), torch.rand(5)
    x_t, velocity = interpolate(x, noise, t), noise - x
    torch.testing.assert_close(data_from_velocity(x_t, velocity, t), x)
    torch.testing.assert_close(noise_from_velocity(x_t, velocity, t), noise)


def test_velocity_to_data_and_back_is_the_identity():
    x_t, velocity = torch.randn(6, 3, 4, 4), torch.randn(6, 3, 4, 4)
    t = torch.linspace(SMALLEST_TIME, 1, 6)
    there = data_from_velocity(x_t, velocity, t)
    torch.testing.assert_close(velocity_from_data(x_t, there, t), velocity, atol=1e-4, rtol=0)


def test_near_the_data_the_divisor_stops_at_the_smallest_time():
    x_t, x = torch.tensor([[1.0]]), torch.tensor([[0.0]])
    assert velocity_from_data(x_t, x, torch.tensor([0.5])).item() == 2
    found = velocity_from_data(x_t, x, torch.tensor([0.001])).item()
    assert found == pytest.approx(1 / SMALLEST_TIME)


def test_times_multiply_whole_rows():
    assert broadcast_time(torch.rand(5), torch.zeros(5, 3, 4, 4)).shape == (5, 1, 1, 1)
