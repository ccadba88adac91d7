"""The losses of two margins, by hand and by what they are for."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from finetune.dpo.losses import conservative_dpo_loss, dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import (
    answer_logprob,
    implicit_reward,
    margin,
    mean_logprob,
    mean_pair_metrics,
    pair_metrics,
    split_chosen_rejected,
    sum_logprob,
)
from gpt.errors import BadInput

LOGPROBS = [[-9.0, -1.0, -2.0], [-9.0, -9.0, -4.0]]  # the prompt's tokens are at -9
ANSWERS = [[False, True, True], [False, False, True]]
LABELLED = [dpo_loss, conservative_dpo_loss, robust_dpo_loss, ipo_loss]
margins = st.floats(-50, 50).map(lambda x: torch.tensor([x], dtype=torch.float64))


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def test_an_answer_is_scored_by_its_own_tokens():
    logprobs, mask = torch.tensor(LOGPROBS), torch.tensor(ANSWERS)
    sums = answer_logprob(logprobs, mask)
    assert sums.tolist() == [-3, -4]
    assert sum_logprob(sums, mask.sum(-1)).tolist() == [-3, -4]
    assert mean_logprob(sums, mask.sum(-1)).tolist() == [-1.5, -4]


def test_log_probabilities_of_the_prompt_change_nothing():
    logprobs, mask = torch.tensor(LOGPROBS), torch.tensor(ANSWERS)
    other = logprobs.masked_fill(~mask, 5.0)
    assert torch.equal(answer_logprob(other, mask), answer_logprob(logprobs, mask))


def test_chosen_rows_come_before_rejected_ones():
    values = double(-3, -1, -4, -8)
    assert split_chosen_rejected(values)[0].tolist() == [-3, -1]
    assert split_chosen_rejected(values)[1].tolist() == [-4, -8]
    assert margin(values).tolist() == [1, 7]
    with pytest.raises(BadInput, match="3 rows cannot be pairs"):
        margin(double(1, 2, 3))


def test_a_report_by_hand():
    # Two pairs. The first: chosen from -3 to -5, rejected from -4 to -8: both fall, and the margin
    # grows by 2. The second has not moved at all: a tie.
    policy, reference = double(-5, -1, -8, -2), double(-3, -1, -4, -2)
    reward = implicit_reward(policy, reference, beta=0.5)
    assert reward.tolist() == [-1, 0, -2, 0]
    report = pair_metrics(policy, reward)
    assert report == (2, -0.5, -1.0, 0.5, 0.75, -3.0, -5.0)
    other = report._replace(n_pairs=6, accuracy=0.25, chosen_reward=1.5)
    assert mean_pair_metrics([report, other]) == (8, 1.0, -1.0, 0.5, 0.375, -3.0, -5.0)
    with pytest.raises(BadInput, match="no pairs to average over"):
        mean_pair_metrics([])


def test_four_losses_by_hand():
    # The margin has grown from -1 to 3, so h = 0.5 * 4 = 2; sigmoid(2) = .8808 and
    # -ln .8808 = .1269, -ln(1 - .8808) = 2.1269.
    pair = double(3), double(-1), 0.5
    right, wrong = 0.12692801104297, 2.12692801104297
    assert dpo_loss(*pair).item() == pytest.approx(right)
    assert conservative_dpo_loss(*pair, 0.2).item() == pytest.approx(0.8 * right + 0.2 * wrong)
    assert robust_dpo_loss(*pair, 0.2).item() == pytest.approx((0.8 * right - 0.2 * wrong) / 0.6)
    assert ipo_loss(*pair).item() == pytest.approx((4 - 1) ** 2)


@pytest.mark.parametrize("loss", LABELLED)
def test_a_batch_is_the_mean_of_its_pairs(loss):
    policy, reference = double(3, -2, 0.5), double(-1, 1, 0)
    each = [loss(policy[i : i + 1], reference[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(loss(policy, reference), sum(each) / 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_policy_that_is_its_reference_has_loss_ln_2_to_the_bit(dtype):
    same = torch.tensor([-3.0, 0.0, 17.5], dtype=dtype)
    assert dpo_loss(same, same) == torch.tensor(math.log(2), dtype=dtype)


@given(margins, margins)
def test_smoothing_in_closed_form(policy, reference):
    h, e = 0.3 * (policy - reference).item(), 0.15
    plain = dpo_loss(policy, reference, 0.3).item()
    conservative = conservative_dpo_loss(policy, reference, 0.3, e).item()
    assert conservative == pytest.approx(plain + e * h, abs=1e-12)
    robust = robust_dpo_loss(policy, reference, 0.3, e).item()
    assert robust == pytest.approx(plain - e / (1 - 2 * e) * h, abs=1e-12)


@pytest.mark.parametrize("smoothed", [conservative_dpo_loss, robust_dpo_loss])
def test_no_wrong_labels_is_plain_dpo(smoothed):
    policy, reference = double(3, -2), double(-1, 1)
    torch.testing.assert_close(
        smoothed(policy, reference, 0.3, 0.0), dpo_loss(policy, reference, 0.3)
    )


def test_the_conservative_loss_is_lowest_where_the_policy_is_as_sure_as_the_labels():
    h = torch.tensor([math.log(0.9 / 0.1)], dtype=torch.float64, requires_grad=True)  # sigmoid .9
    loss = conservative_dpo_loss(h, double(0), 1.0, 0.1)
    loss.backward()
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert loss.item() == pytest.approx(entropy)
    assert h.grad.item() == pytest.approx(0, abs=1e-12)


@given(margins, st.floats(0, 0.45))
def test_the_robust_loss_averages_over_wrong_labels_to_the_true_one(h, e):
    zero = torch.zeros_like(h)
    labelled_right, labelled_wrong = (robust_dpo_loss(sign * h, zero, 1.0, e) for sign in (1, -1))
    mean = (1 - e) * labelled_right + e * labelled_wrong
    torch.testing.assert_close(mean, dpo_loss(h, zero, 1.0), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("smoothing", [-0.1, 0.5, 1.0, float("nan")])
@pytest.mark.parametrize("smoothed", [conservative_dpo_loss, robust_dpo_loss])
def test_smoothing_of_half_or_more_is_refused(smoothed, smoothing):
    with pytest.raises(BadInput, match=f"smoothing must lie in .*, got {smoothing}"):
        smoothed(double(1), double(0), 0.1, smoothing)


def test_the_gradient_is_beta_times_how_wrong_the_policy_is():
    logprobs = double(-5, -7).requires_grad_()  # chosen, rejected
    reference, beta = double(-6, -6.5), 0.3
    dpo_loss(margin(logprobs), margin(reference), beta).backward()
    h = beta * ((-5 + 7) - (-6 + 6.5))
    weight = beta / (1 + math.exp(h))  # beta sigmoid(-h)
    assert logprobs.grad.tolist() == pytest.approx([-weight, weight])


@pytest.mark.parametrize("loss", LABELLED)
def test_every_loss_pulls_the_chosen_answer_up_and_the_rejected_one_down(loss):
    logprobs, reference = double(-5, -7, -6, -7).requires_grad_(), double(-5, -7, -6, -7)
    loss(margin(logprobs), margin(reference)).backward()
    assert (logprobs.grad[:2] < 0).all() and (logprobs.grad[2:] > 0).all()


def test_with_a_small_beta_every_pair_has_the_same_weight():
    policy, reference = double(8, -9).requires_grad_(), double(0, 0)
    loss = dpo_loss(policy, reference, 1e-9)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    assert (policy.grad / 1e-9).tolist() == pytest.approx([-0.25, -0.25])  # half, over two pairs


def test_large_margins_do_not_overflow():
    policy = torch.tensor([1e6, -1e6], requires_grad=True)
    for loss in (dpo_loss, conservative_dpo_loss, robust_dpo_loss):
        loss(policy, torch.zeros(2)).backward()
    assert policy.grad.isfinite().all()


def test_ipo_has_no_gradient_at_its_target_margin():
    policy = double(5, 4, 6).requires_grad_()
    ipo_loss(policy, double(0, 0, 0), beta=0.1).backward()  # 1 / (2 * 0.1) = 5
    assert policy.grad[0] == 0 and policy.grad[1] < 0 < policy.grad[2]
