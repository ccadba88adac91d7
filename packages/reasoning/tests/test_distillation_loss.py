"""The distillation loss by hand, in its limits and against finite differences."""

import math

import pytest
import torch

from gpt.errors import BadInput
from reasoning.distillation.loss import distillation_loss

TEACHER, STUDENT = (0.5, 0.25, 0.25), (0.25, 0.25, 0.5)
EVERYWHERE = torch.ones(1, 1, dtype=torch.bool)


def logits(probabilities):
    return torch.tensor(probabilities).double().log()[None, None]


def loss(beta=0.0, temperature=1.0, student=STUDENT, teacher=TEACHER):
    return distillation_loss(
        logits(student), logits(teacher), EVERYWHERE, temperature, beta
    ).total.item()


def random_logits(n_rows=3, n_tokens=5, vocab_size=7):
    shape = (n_rows, n_tokens, vocab_size)
    return torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)


def test_forward_and_reverse_kl_by_hand():
    # 1/2 ln 2 + 1/4 ln 1 - 1/4 ln 2
    assert loss() == pytest.approx(math.log(2) / 4)
    skewed = (0.7, 0.2, 0.1)
    forward = sum(p * math.log(p / q) for p, q in zip(TEACHER, skewed, strict=True))
    reverse = sum(q * math.log(q / p) for p, q in zip(TEACHER, skewed, strict=True))
    assert loss(student=skewed) == pytest.approx(forward)
    assert loss(beta=1.0, student=skewed) == pytest.approx(reverse)
    assert forward != pytest.approx(reverse)


def test_the_mixture_of_both_by_hand():
    beta, expected = 0.25, 0.0
    for p, q in zip(TEACHER, STUDENT, strict=True):
        mean = beta * p + (1 - beta) * q
        expected += beta * p * math.log(p / mean) + (1 - beta) * q * math.log(q / mean)
    assert loss(beta=beta) == pytest.approx(expected)
    # divided by beta it becomes forward KL as beta falls to 0; by 1 - beta, reverse KL at 1
    assert loss(beta=1e-6) / 1e-6 == pytest.approx(loss(beta=0.0), rel=1e-4)
    assert loss(beta=1 - 1e-6) / 1e-6 == pytest.approx(loss(beta=1.0), rel=1e-4)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_equal_models_have_no_loss_and_no_gradient(beta):
    teacher, _ = random_logits()
    student = (teacher + 3.0).requires_grad_()  # the softmax ignores a constant
    total, _ = distillation_loss(student, teacher, torch.ones(3, 5, dtype=torch.bool), 2.0, beta)
    total.backward()
    assert total.item() == pytest.approx(0, abs=1e-12)
    assert student.grad is not None and student.grad.abs().max() < 1e-12


def test_tokens_outside_of_the_mask_do_not_count():
    student, teacher = random_logits()
    mask = torch.zeros(3, 5, dtype=torch.bool)
    mask[0, 1] = mask[2, 4] = True
    total, terms = distillation_loss(student, teacher, mask)
    each = [
        distillation_loss(student[b : b + 1, t : t + 1], teacher[b : b + 1, t : t + 1], EVERYWHERE)
        for b, t in ((0, 1), (2, 4))
    ]
    assert terms == 2
    assert total.item() == pytest.approx(sum(one.total.item() for one in each))


def test_the_gradient_of_forward_kl_is_the_difference_of_the_probabilities_times_tau():
    student, teacher = random_logits()
    student.requires_grad_()
    mask = torch.ones(3, 5, dtype=torch.bool)
    for tau in (1.0, 4.0):
        [gradient] = torch.autograd.grad(distillation_loss(student, teacher, mask, tau)[0], student)
        expected = tau * ((student / tau).softmax(-1) - (teacher / tau).softmax(-1))
        torch.testing.assert_close(gradient, expected)


def test_a_hot_softmax_becomes_a_squared_difference_of_logits():
    student, teacher = random_logits(1, 1, 4)
    student, teacher = (x - x.mean() for x in (student, teacher))
    found = distillation_loss(student, teacher, EVERYWHERE, 1e4).total.item()
    assert found == pytest.approx((student - teacher).square().sum().item() / (2 * 4), rel=1e-3)


@pytest.mark.parametrize(("temperature", "beta"), [(0.0, 0.0), (math.inf, 0.0), (1.0, 1.5)])
def test_settings_without_a_divergence_are_refused(temperature, beta):
    with pytest.raises(BadInput, match="temperature must be|beta must lie in"):
        loss(beta, temperature)
