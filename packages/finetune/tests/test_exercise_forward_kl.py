"""The check of `forward_kl` refuses common mistakes."""

import pytest
import torch

from finetune.exercises.check_forward_kl import check
from gpt.policy.kl import k1, k3, log_ratio


def no_weight(logprobs, reference, mask):
    return -k1(logprobs, reference, mask)


def the_other_direction(logprobs, reference, mask):
    return k3(logprobs, reference, mask)


def k3_of_swapped_models(logprobs, reference, mask):
    return k3(reference, logprobs, mask)


def may_be_negative(logprobs, reference, mask):
    d = log_ratio(logprobs, reference, mask)
    return -d * (-d).exp()


def cure_has_the_wrong_sign(logprobs, reference, mask):
    d = log_ratio(logprobs, reference, mask)
    return -d * (-d).exp() + torch.expm1(-d)


def padding_counts(logprobs, reference, mask):
    d = logprobs - reference
    return -d * (-d).exp() - torch.expm1(-d)


WRONG = [
    no_weight,
    the_other_direction,
    k3_of_swapped_models,
    may_be_negative,
    cure_has_the_wrong_sign,
    padding_counts,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
