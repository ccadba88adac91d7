"""ORPO and SimPO: losses that need no reference model."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from finetune.dpo.losses import dpo_loss
from finetune.dpo.reference_free import log_odds, odds_ratio_loss, orpo_loss, simpo_loss

means = st.floats(-20, -1e-3).map(lambda x: torch.tensor([x], dtype=torch.float64))


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def test_odds_by_hand():
    # p = 1/2 is even; p = 3/4 is three to one.
    logs = double(math.log(1 / 2), math.log(3 / 4), math.log(1 / 5))
    assert log_odds(logs).exp().tolist() == pytest.approx([1, 3, 1 / 4])


def test_losses_by_hand():
    # Odds 3 : 1 against 1 : 4 make a ratio of 12, and sigmoid(ln 12) = 12 / 13.
    chosen, rejected = double(math.log(3 / 4)), double(math.log(1 / 5))
    assert odds_ratio_loss(chosen, rejected).item() == pytest.approx(math.log(13 / 12))
    expected = math.log(4 / 3) + 0.1 * math.log(13 / 12)
    assert orpo_loss(chosen, rejected).item() == pytest.approx(expected)
    # 2 (-1 - (-2)) - 0.5 = 1.5, sigmoid(1.5) = .81757
    assert simpo_loss(double(-1), double(-2), 2.0, 0.5).item() == pytest.approx(0.20141328)


@pytest.mark.parametrize("loss", [odds_ratio_loss, orpo_loss, simpo_loss])
def test_a_batch_is_the_mean_of_its_pairs(loss):
    chosen, rejected = double(-0.3, -2, -1), double(-0.1, -3, -0.9)
    each = [loss(chosen[i : i + 1], rejected[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(loss(chosen, rejected), sum(each) / 3)


@given(means)
def test_odds_are_those_of_the_definition_and_rise_with_the_probability(x):
    p = math.exp(x.item())
    assert log_odds(x).item() == pytest.approx(math.log(p) - math.log1p(-p), abs=1e-9)
    assert log_odds(x + 1e-4) > log_odds(x)


def test_equal_answers_are_a_coin_toss():
    assert odds_ratio_loss(double(-1), double(-1)).item() == pytest.approx(math.log(2))
    assert simpo_loss(double(-1), double(-1), 2.0, 0.0).item() == pytest.approx(math.log(2))


def test_orpo_without_its_weight_is_fine_tuning():
    chosen = double(-1, -3)
    assert orpo_loss(chosen, double(-2, -2), weight=0.0).item() == 2


@given(means, means)
def test_simpo_is_dpo_with_a_reference_that_prefers_each_chosen_answer(chosen, rejected):
    reference = torch.full_like(chosen, 0.7 / 2.5)
    expected = dpo_loss(chosen - rejected, reference, beta=2.5)
    torch.testing.assert_close(simpo_loss(chosen, rejected, 2.5, 0.7), expected)


@pytest.mark.parametrize("loss", [odds_ratio_loss, orpo_loss, simpo_loss])
def test_the_chosen_answer_is_pulled_up_and_the_rejected_one_down(loss):
    chosen, rejected = double(-1, -0.2).requires_grad_(), double(-0.5, -2).requires_grad_()
    loss(chosen, rejected).backward()
    assert (chosen.grad < 0).all() and (rejected.grad > 0).all()


def test_the_slope_of_the_odds_ratio_by_hand():
    # d log odds / d log p = 1 / (1 - p), so at odds ratio 1 and p = 3/4 it is -(1/2) * 4.
    chosen, rejected = (double(math.log(3 / 4)).requires_grad_() for _ in range(2))
    odds_ratio_loss(chosen, rejected).backward()
    assert (chosen.grad.item(), rejected.grad.item()) == pytest.approx((-2, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pair", [(0, -1), (-1, 0), (0, 0), (-1e-8, -200), (-200, -1e-8)])
def test_sure_answers_have_finite_losses_and_slopes(pair, dtype):
    chosen, rejected = (torch.tensor([x], dtype=dtype, requires_grad=True) for x in pair)
    loss = orpo_loss(chosen, rejected)
    loss.backward()
    assert loss.isfinite() and chosen.grad.isfinite() and rejected.grad.isfinite()
