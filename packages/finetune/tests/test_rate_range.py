"""The range test on a quadratic, where the answer is known, and on a small model."""

import math

import pytest
import torch
from torch import nn

from finetune.tuning.rate_range import (
    RateTrial,
    geometric_rates,
    lr_range_test,
    suggest_learning_rate,
)
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.token_files import Batch
from gpt.training.accumulation import LossSum, next_token_loss


class Bowl(nn.Module):
    """h x^2 / 2 in each direction, starting at 1."""

    def __init__(self, *curvatures: float) -> None:
        super().__init__()
        self.curvatures = torch.tensor(curvatures, dtype=torch.float64)
        self.x = nn.Parameter(torch.ones(len(curvatures), dtype=torch.float64))

    def forward(self):
        return (self.curvatures * self.x**2).sum() / 2


def height(model, batch):
    return LossSum(model(), 1)


def nothing(step):
    return [step]


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.0)


def test_rates_by_hand():
    assert geometric_rates(0.01, 100.0, 5) == pytest.approx([0.01, 0.1, 1, 10, 100])


def test_losses_by_hand():
    """h = 1 and x = 1. At rate 1/2 x halves: 1/8; at 2 its sign changes: 1/8; at 8: 49 / 8."""
    trials = [*lr_range_test(Bowl(1.0), nothing, height, 0.5, 8.0, 3, sgd)]
    assert trials == [RateTrial(0.5, 0.125), RateTrial(2.0, 0.125), RateTrial(8.0, 49 / 8)]


@pytest.mark.parametrize("curvature", [0.5, 3.0, 40.0])
def test_on_a_quadratic_it_diverges_at_two_over_the_curvature(curvature):
    limit = 2 / curvature
    trials = [*lr_range_test(Bowl(curvature), nothing, height, limit / 100, limit * 100, 200, sgd)]
    lowest = min(trials, key=lambda trial: trial.loss)
    assert lowest.rate == pytest.approx(limit, rel=0.05)
    assert limit < trials[-1].rate < 1.5 * limit  # and not at the end of the range


def test_each_step_uses_its_own_batch():
    seen = []
    [*lr_range_test(Bowl(1.0), lambda step: seen.append(step) or [step], height, 0.1, 1.0, 4, sgd)]
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n_taken", [3, None])
def test_the_model_gets_its_weights_back(n_taken):
    model = Bowl(1.0, 2.0).eval()
    trials = lr_range_test(model, nothing, height, 0.01, 100.0, 50, sgd)
    taken = [next(trials) for _ in range(n_taken)] if n_taken else [*trials]
    assert len(taken) > 2 and taken[-1].loss != 1.5
    trials.close()
    assert model.x.tolist() == [1, 1] and model.x.grad is None and not model.training


def test_a_nan_loss_ends_the_test():
    def broken(model, batch):
        return LossSum(model() * (math.nan if batch == 3 else 1), 1)

    trials = [*lr_range_test(Bowl(1.0), nothing, broken, 1e-3, 1e-2, 20, sgd)]
    assert len(trials) == 3 and math.isnan(trials[-1].loss)


def test_a_suggestion_by_hand():
    """Means of three neighbours: 5, 4, 3, 4, 8 at the rates 10 to 100 000; the lowest at 1000."""
    losses = [6.0, 5.0, 4.0, 3.0, 2.0, 7.0, 15.0]
    trials = [RateTrial(10.0**i, loss) for i, loss in enumerate(losses)]
    assert suggest_learning_rate(trials, width=3) == pytest.approx(100)


@pytest.mark.parametrize("losses", [[5.0, 4.0, 3.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0], [1.0]])
def test_a_range_without_a_minimum_is_reported(losses):
    trials = [RateTrial(10.0**i, loss) for i, loss in enumerate(losses)]
    with pytest.raises(BadInput, match="no minimum between the rates 1 and"):
        suggest_learning_rate(trials, width=3)


def test_no_trials_are_refused():
    with pytest.raises(BadInput, match="no trials"):
        suggest_learning_rate([])


@pytest.mark.parametrize(
    "low, high, steps", [(0.0, 1.0, 5), (1.0, 1.0, 5), (1.0, math.inf, 5), (0.1, 1.0, 1)]
)
def test_an_invalid_range_is_refused(low, high, steps):
    with pytest.raises(BadInput, match="need 0 < low < high"):
        geometric_rates(low, high, steps)


def test_the_suggested_rate_trains_a_small_model():
    torch.manual_seed(0)
    model = GPT(GPTConfig(16, 8, n_layers=1, n_heads=2, d_model=16, d_ff=32))
    tokens = torch.arange(9)[None] + torch.arange(8)[:, None]  # each follows its predecessor
    batch = Batch(tokens[:, :-1], tokens[:, 1:])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trials = [*lr_range_test(model, lambda step: [batch], next_token_loss, 1e-5, 10.0, 60)]
    rate = suggest_learning_rate(trials)
    assert 1e-4 < rate < 0.1
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(30):
        loss = next_token_loss(model, batch).total / 64
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss < 1.5 < trials[0].loss  # ln 16 is 2.77
