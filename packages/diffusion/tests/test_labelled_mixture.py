"""A mixture as a model with labels: each label has the velocity of its component."""

import pytest
import torch

from diffusion.flow.gaussian import GaussianFlow
from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.flow.labelled_mixture import LabelledMixture
from diffusion.flow.mixture import Mixture, ring
from diffusion.flow.samplers import sample
from diffusion.flow.times import sampling_times
from gpt.errors import BadInput

MODEL = LabelledMixture(
    Mixture(torch.tensor([[-1.0, 0.0], [3.0, 0.0]]), torch.tensor([0.5, 2.0]), torch.ones(2) / 2)
)


def test_a_label_has_the_velocity_of_its_own_component():
    x, t, label = torch.randn(2, 2), torch.full((2,), 0.25), torch.tensor([[0], [1]])
    expected = [
        GaussianFlow(mean, std).velocity(row[None], 0.25)
        for mean, std, row in zip(MODEL.mixture.means, MODEL.mixture.stds, x, strict=True)
    ]
    torch.testing.assert_close(MODEL(x, t, label), torch.cat(expected))


def test_the_null_label_has_the_velocity_of_the_whole_mixture():
    x, t = torch.randn(3, 2), torch.full((3,), 0.25)
    velocity = MODEL(x, t, MODEL.null.expand(3, 1))
    torch.testing.assert_close(velocity, MODEL.mixture.velocity(x, 0.25))


def test_samples_for_a_label_come_from_its_component_and_guidance_moves_them_outwards():
    model = LabelledMixture(ring())
    noise = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    label = torch.zeros(200, 1, dtype=torch.long)
    plain, guided = (
        sample(
            GuidedVelocity(model, label, model.null, Guidance(weight)), noise, sampling_times(50)
        )
        for weight in (1.0, 3.0)
    )
    assert (plain - model.mixture.means[0]).norm(dim=1).max() < 1
    assert guided[:, 0].mean() > plain[:, 0].mean() + 0.2


def test_rows_at_different_times_are_refused():
    with pytest.raises(BadInput, match="one time, got times from 0.25 to 0.5"):
        MODEL(torch.zeros(2, 2), torch.tensor([0.25, 0.5]), torch.zeros(2, 1, dtype=torch.long))
