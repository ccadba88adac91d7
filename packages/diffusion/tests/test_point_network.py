"""The network for points."""

import pytest
import torch

from diffusion.flow.loss import draw_flow_batch, flow_loss
from diffusion.flow.mixture import ring, velocity_error
from diffusion.model.conditions import LabelCondition
from diffusion.model.flow_model import FlowModel
from diffusion.model.point_network import PointNetwork, PointNetworkConfig
from gpt.errors import BadInput


def test_a_trained_network_is_close_to_the_true_velocity_and_knows_its_condition():
    mixture, generator = ring(n_components=2), torch.Generator().manual_seed(0)
    model = FlowModel(PointNetwork(PointNetworkConfig(d_model=64), LabelCondition(2, 64)))
    before = velocity_error(model, mixture, 0.5, 1000, model.null, generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(300):
        x, components = mixture.sample(256, generator)
        batch = draw_flow_batch(x, components[:, None], model.null, 0.2, "uniform", generator)
        loss = flow_loss(model, batch)
        optimizer.zero_grad()
        (loss.total / loss.terms).backward()
        optimizer.step()
    after = velocity_error(model, mixture, 0.5, 1000, model.null, generator)
    assert after < 0.05 * before
    # at t = 1, the mean velocity is e - m of the component
    points, t = torch.zeros(2, 2), torch.ones(2)
    found = model(points, t, torch.tensor([[0], [1]]))
    torch.testing.assert_close(found, -mixture.means, atol=0.6, rtol=0)


def test_impossible_shapes_are_refused():
    with pytest.raises(BadInput, match="n_layers must be at least 1, got 0"):
        PointNetworkConfig(n_layers=0)
