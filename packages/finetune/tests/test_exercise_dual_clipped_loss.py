"""The check of `dual_clipped_loss` refuses common mistakes."""

import pytest
import torch

from finetune.exercises.check_dual_clipped_loss import check
from finetune.ppo.losses import clipped_policy_loss
from gpt.policy.statistics import masked_mean


def parts(logprobs, old, advantages, epsilon):
    ratio = (logprobs - old).exp()
    bounded = ratio.clamp(1 - epsilon, 1 + epsilon)
    return ratio, torch.minimum(ratio * advantages, bounded * advantages)


def one_clip_only(logprobs, old, advantages, mask, epsilon, bound):
    return clipped_policy_loss(logprobs, old, advantages, mask, epsilon).loss


def good_tokens_are_bounded_too(logprobs, old, advantages, mask, epsilon, bound):
    _, clipped = parts(logprobs, old, advantages, epsilon)
    return -masked_mean(torch.maximum(clipped, bound * advantages), mask)


def minimum_for_maximum(logprobs, old, advantages, mask, epsilon, bound):
    _, clipped = parts(logprobs, old, advantages, epsilon)
    bounded = torch.minimum(clipped, bound * advantages)
    return -masked_mean(torch.where(advantages < 0, bounded, clipped), mask)


def advantage_is_left_out(logprobs, old, advantages, mask, epsilon, bound):
    _, clipped = parts(logprobs, old, advantages, epsilon)
    bounded = clipped.clamp(min=-bound)
    return -masked_mean(torch.where(advantages < 0, bounded, clipped), mask)


def ratio_is_cut_at_the_bound_for_all(logprobs, old, advantages, mask, epsilon, bound):
    ratio, _ = parts(logprobs, old, advantages, epsilon)
    return -masked_mean(ratio.clamp(max=bound) * advantages, mask)


def padding_is_in_the_mean(logprobs, old, advantages, mask, epsilon, bound):
    _, clipped = parts(logprobs, old, advantages, epsilon)
    bounded = torch.maximum(clipped, bound * advantages)
    return -torch.where(advantages < 0, bounded, clipped).mean()


def sign_of_an_objective(logprobs, old, advantages, mask, epsilon, bound):
    _, clipped = parts(logprobs, old, advantages, epsilon)
    bounded = torch.maximum(clipped, bound * advantages)
    return masked_mean(torch.where(advantages < 0, bounded, clipped), mask)


WRONG = [
    one_clip_only,
    good_tokens_are_bounded_too,
    minimum_for_maximum,
    advantage_is_left_out,
    ratio_is_cut_at_the_bound_for_all,
    padding_is_in_the_mean,
    sign_of_an_objective,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
