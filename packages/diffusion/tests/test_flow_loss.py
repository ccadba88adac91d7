"""The loss, its random draws, dropped conditions, and the running average of the weights."""

import itertools

import pytest
import torch
from torch import nn

from diffusion.flow.loss import FlowBatch, draw_flow_batch, drop_condition, flow_loss
from diffusion.flow.mixture import ring
from diffusion.model.conditions import NoCondition
from diffusion.model.flow_model import FlowModel
from diffusion.model.point_network import PointNetwork, PointNetworkConfig
from gpt.training.loop import LoopConfig, Training

NOTHING = torch.zeros(0, dtype=torch.long)


class Constant(nn.Module):
    """Velocity of 1 everywhere; records its inputs."""

    def forward(self, x, t, condition):
        self.seen = x
        return torch.ones_like(x)


def test_the_loss_worked_by_hand():
    batch = FlowBatch(
        torch.tensor([[2.0, 0.0]]),
        torch.tensor([[0.0, 4.0]]),
        torch.tensor([0.25]),
        torch.zeros(1, 0, dtype=torch.long),
    )
    model = Constant()
    loss = flow_loss(model, batch)
    # x_t = 0.75 x + 0.25 e; the velocity e - x is (-2, 4), so the errors are 3 and -3
    assert model.seen.tolist() == [[1.5, 1.0]]
    assert (loss.total.item(), loss.terms) == (18.0, 2)


def test_a_dropped_row_equals_the_null_condition_in_all_of_its_parts():
    words = torch.arange(1, 5).expand(20_000, 4)
    null = torch.tensor([0, 0, 0, 0])
    found = drop_condition(words, null, 0.15, torch.Generator().manual_seed(0))
    dropped = (found == null).all(dim=1)
    assert torch.equal(found[~dropped], words[~dropped])  # no row lost only some of its words
    assert dropped.float().mean().item() == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 7), (1.0, 9)])
def test_no_row_or_every_row_is_dropped_at_the_extreme_rates(rate, expected):
    labels = torch.full((50, 1), 7)
    found = drop_condition(labels, torch.tensor([9]), rate, torch.Generator())
    assert (found == expected).all()


def test_equal_seeds_draw_equal_batches():
    x, labels = torch.randn(8, 1, 4, 4), torch.arange(8)[:, None]

    def draw(seed, times="logit-normal"):
        generator = torch.Generator().manual_seed(seed)
        return draw_flow_batch(x, labels, torch.tensor([10]), 0.5, times, generator)

    assert all(torch.equal(a, b) for a, b in zip(draw(0), draw(0), strict=True))
    assert not torch.equal(draw(0).noise, draw(1).noise)
    assert not torch.equal(draw(0).t, draw(0, "uniform").t)


def test_rows_of_a_batch_are_selected_together():
    batch = draw_flow_batch(
        torch.randn(6, 2), torch.arange(6)[:, None], torch.tensor([9]), 0.0, "uniform",
        torch.Generator(),
    )  # fmt: skip
    part = batch.select(slice(2, 4)).to(torch.device("cpu"))
    assert torch.equal(part.x, batch.x[2:4]) and part.condition[:, 0].tolist() == [2, 3]


def ring_batches(step):
    generator = torch.Generator().manual_seed(step)
    x, _ = ring().sample(256, generator)
    condition = torch.zeros(256, 0, dtype=torch.long)
    return [draw_flow_batch(x, condition, NOTHING, 0.0, "uniform", generator)]


@pytest.mark.parametrize("decay", [0.999, 0.9999])
def test_after_300_steps_the_average_is_at_most_a_tenth_worse_than_the_weights(decay):
    config = PointNetworkConfig(d_model=32, n_layers=2)
    model = FlowModel(PointNetwork(config, NoCondition(32)))
    loop = LoopConfig(steps=300, learning_rate=1e-2, ema_decay=decay, min_lr_ratio=1.0)
    batch = next(itertools.chain(ring_batches(10_000)))

    def held_out(network):
        with torch.inference_mode():
            loss = flow_loss(network, batch)
        return loss.total.item() / loss.terms

    first = held_out(model)
    with Training(model, loop) as training:
        for step in training.steps():
            for micro_batch in training.micro_batches(ring_batches(step)):
                training.backward(flow_loss(training.model, micro_batch))
            training.update()
    average = training.state.validated_model
    assert average is not model
    assert held_out(model) < 0.8 * first
    assert held_out(average) < 1.1 * held_out(model)
