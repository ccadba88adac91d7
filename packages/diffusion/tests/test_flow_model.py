"""A network as a velocity, for both targets."""

import torch
from torch import nn

from diffusion.flow.path import interpolate
from diffusion.model.conditions import LabelCondition
from diffusion.model.flow_model import FlowModel


class Answer(nn.Module):
    """Network that always predicts the same."""

    def __init__(self, prediction):
        super().__init__()
        self.prediction, self.condition = prediction, LabelCondition(10, 4)

    def forward(self, x, t, ids):
        return self.prediction


def test_a_network_that_predicts_the_data_and_one_that_predicts_the_velocity_agree():
    x, noise, t = torch.randn(5, 1, 4, 4), torch.randn(5, 1, 4, 4), torch.linspace(0.1, 1, 5)
    x_t, ids = interpolate(x, noise, t), torch.zeros(5, 1, dtype=torch.long)
    for target, prediction in [("x", x), ("v", noise - x)]:
        velocity = FlowModel(Answer(prediction), target)(x_t, t, ids)
        torch.testing.assert_close(velocity, noise - x, atol=1e-4, rtol=0)


def test_the_null_condition_is_that_of_the_network():
    assert FlowModel(Answer(torch.zeros(1))).null.tolist() == [10]
