"""The check of `positive_dpo_loss` refuses common mistakes."""

import pytest
import torch.nn.functional as F

from finetune.dpo.margins import margin, split_chosen_rejected
from finetune.exercises.check_positive_dpo_loss import check


def charge_beside_the_sigmoid(policy, reference, beta, weight):
    lost = (-split_chosen_rejected(policy - reference)[0]).clamp(min=0)
    return (-F.logsigmoid(beta * margin(policy - reference)) + weight * lost).mean()


def charge_outside_beta(policy, reference, beta, weight):
    lost = (-split_chosen_rejected(policy - reference)[0]).clamp(min=0)
    return -F.logsigmoid(beta * margin(policy - reference) - weight * lost).mean()


def charge_is_added(policy, reference, beta, weight):
    lost = (-split_chosen_rejected(policy - reference)[0]).clamp(min=0)
    return -F.logsigmoid(beta * (margin(policy - reference) + weight * lost)).mean()


def ratio_upside_down(policy, reference, beta, weight):
    won = split_chosen_rejected(policy - reference)[0].clamp(min=0)
    return -F.logsigmoid(beta * (margin(policy - reference) - weight * won)).mean()


def rejected_is_charged(policy, reference, beta, weight):
    lost = (-split_chosen_rejected(policy - reference)[1]).clamp(min=0)
    return -F.logsigmoid(beta * (margin(policy - reference) - weight * lost)).mean()


def mean_before_the_maximum(policy, reference, beta, weight):
    lost = (-split_chosen_rejected(policy - reference)[0]).mean().clamp(min=0)
    return -F.logsigmoid(beta * (margin(policy - reference) - weight * lost)).mean()


def plain_dpo(policy, reference, beta, weight):
    return -F.logsigmoid(beta * margin(policy - reference)).mean()


WRONG = [
    charge_beside_the_sigmoid,
    charge_outside_beta,
    charge_is_added,
    ratio_upside_down,
    rejected_is_charged,
    mean_before_the_maximum,
    plain_dpo,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
