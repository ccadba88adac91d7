"""The two-dimensional mixture, whose velocity is known at every point."""

import pytest
import torch
from torch import nn

from diffusion.flow.gaussian import GaussianFlow
from diffusion.flow.mixture import Mixture, ring, velocity_error
from diffusion.flow.samplers import SAMPLERS, sample
from diffusion.flow.times import sampling_times

TWO = Mixture(
    torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.5])
)


def test_one_component_is_the_flow_of_a_normal_distribution():
    mean, std = torch.tensor([[1.0, -2.0]]), torch.tensor([0.7])
    x, flow = torch.randn(9, 2), GaussianFlow(mean[0], std)
    one = Mixture(mean, std, torch.tensor([1.0]))
    torch.testing.assert_close(one.velocity(x, 0.4), flow.velocity(x, 0.4))


def test_responsibilities_worked_by_hand():
    # at t = 0: log-odds of component 1 = 2 x m / s^2 = 8 x
    found = TWO.responsibilities(torch.tensor([[0.0, 3.0], [0.25, 0.0]]), 0.0)
    odds = torch.sigmoid(torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(found[:, 1], odds)
    # in pure noise they are the mixture weights
    pure = TWO.responsibilities(torch.randn(5, 2), 1.0)
    torch.testing.assert_close(pure, torch.full((5, 2), 0.5))


def test_sampled_noise_reaches_the_components_in_proportion_to_their_weights():
    mixture = ring(n_components=4)._replace(weights=torch.tensor([0.4, 0.3, 0.2, 0.1]))
    noise = torch.randn(2_000, 2, generator=torch.Generator().manual_seed(0))
    x = sample(mixture.velocity, noise, sampling_times(50), SAMPLERS["heun"].step)
    distances = torch.cdist(x, mixture.means)
    shares = torch.bincount(distances.argmin(dim=1), minlength=4) / len(x)
    torch.testing.assert_close(shares, mixture.weights, atol=0.03, rtol=0)
    # the mean distance of a normal point in two dimensions is std sqrt(pi / 2)
    assert distances.amin(dim=1).mean().item() == pytest.approx(0.2 * 1.2533, rel=0.1)


def test_drawn_points_come_from_the_components_that_are_returned():
    x, components = ring(std=0.01).sample(200, torch.Generator().manual_seed(0))
    assert torch.equal(torch.cdist(x, ring().means).argmin(dim=1), components)
    assert set(components.tolist()) == set(range(8))


class ShiftedTruth(nn.Module):
    """The true velocity plus a constant."""

    def __init__(self, mixture, constant):
        super().__init__()
        self.mixture, self.constant = mixture, constant

    def forward(self, x, t, condition):
        return self.mixture.velocity(x, t[0].item()) + self.constant


@pytest.mark.parametrize(("constant", "expected"), [(0.0, 0.0), (0.5, 0.25)])
def test_the_error_of_a_velocity_is_its_mean_square(constant, expected):
    model, nothing = ShiftedTruth(ring(), constant), torch.zeros(0, dtype=torch.long)
    found = velocity_error(model, ring(), 0.5, 100, nothing, torch.Generator().manual_seed(0))
    assert found == pytest.approx(expected, abs=1e-6)
