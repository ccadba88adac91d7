"""Guidance: its algebra on a network whose two velocities are known."""

import pytest
import torch
from torch import nn

from diffusion.flow.guidance import Guidance, GuidedVelocity
from gpt.errors import BadInput

NULL = torch.tensor([10])


class LabelField(nn.Module):
    """Velocity that equals the label, in every number of an image; records its batches."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, x, t, condition):
        self.batches.append((len(x), t.tolist(), condition[:, 0].tolist()))
        return x + condition[:, 0].float()[:, None, None, None]


def guided(weight, t=0.5, start=0.0, end=1.0, labels=(3, 5)):
    model = LabelField()
    condition = torch.tensor(labels)[:, None]
    velocity = GuidedVelocity(model, condition, NULL, Guidance(weight, start, end))
    x = torch.zeros(len(labels), 4, 2, 2)
    return model, velocity, velocity(x, t)


@pytest.mark.parametrize(
    ("weight", "expected"),
    # 10 + w (label - 10) for the labels 3 and 5
    [(0.0, (10, 10)), (0.5, (6.5, 7.5)), (1.0, (3, 5)), (2.0, (-4, 0)), (4.0, (-18, -10))],
)
def test_velocities_at_five_weights_worked_by_hand(weight, expected):
    _, _, found = guided(weight)
    assert torch.equal(found, torch.tensor(expected).view(2, 1, 1, 1).expand(2, 4, 2, 2))


def test_weight_1_evaluates_the_condition_once_and_others_evaluate_both():
    model, velocity, _ = guided(1.0)
    assert model.batches == [(2, [0.5, 0.5], [3, 5])] and velocity.n_evaluations == 1
    model, velocity, _ = guided(2.0)
    assert model.batches == [(4, [0.5] * 4, [3, 5, 10, 10])] and velocity.n_evaluations == 1


def test_every_channel_is_guided():
    _, _, plain = guided(1.0)
    _, _, strong = guided(3.0)
    assert (plain != strong).all()


def test_outside_the_interval_the_weight_is_1():
    for t, expected in [(0.05, 3.0), (0.1, -4.0), (0.5, -4.0), (0.9, -4.0), (0.95, 3.0)]:
        model, _, found = guided(2.0, t, start=0.1, end=0.9)
        assert found[0, 0, 0, 0].item() == expected
        assert model.batches[0][0] == (2 if expected == 3.0 else 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": float("inf")}, "guidance must be a finite number, got inf"),
        ({"start": 0.8, "end": 0.2}, "must start and end in .0, 1., in this order, got 0.8 and"),
        ({"end": 1.5}, "got 0.0 and 1.5"),
    ],
)
def test_impossible_guidance_is_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        Guidance(**settings)
