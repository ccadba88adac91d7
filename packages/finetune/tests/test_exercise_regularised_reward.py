"""The check of `regularised_reward` refuses common mistakes."""

import pytest

from finetune.exercises.check_regularised_reward import check
from gpt.policy.kl import k1, k3


def kl_is_a_mean_over_tokens(scores, logprobs, reference, mask, beta):
    kl = k1(logprobs, reference, mask).sum(1) / mask.sum(1)
    return (scores - beta * kl).mean()


def all_tokens_of_the_batch_share_one_kl(scores, logprobs, reference, mask, beta):
    return scores.mean() - beta * k1(logprobs, reference, mask).sum() / mask.sum()


def the_penalty_pays(scores, logprobs, reference, mask, beta):
    return (scores + beta * k1(logprobs, reference, mask).sum(1)).mean()


def the_ratio_is_upside_down(scores, logprobs, reference, mask, beta):
    return (scores - beta * k1(reference, logprobs, mask).sum(1)).mean()


def padding_counts(scores, logprobs, reference, mask, beta):
    return (scores - beta * (logprobs - reference).sum(1)).mean()


def padding_is_multiplied_away(scores, logprobs, reference, mask, beta):
    return (scores - beta * ((logprobs - reference) * mask).sum(1)).mean()  # 0 times infinity


def another_estimator(scores, logprobs, reference, mask, beta):
    return (scores - beta * k3(logprobs, reference, mask).sum(1)).mean()


def answers_are_added_up(scores, logprobs, reference, mask, beta):
    return (scores - beta * k1(logprobs, reference, mask).sum(1)).sum()


WRONG = [
    kl_is_a_mean_over_tokens,
    all_tokens_of_the_batch_share_one_kl,
    the_penalty_pays,
    the_ratio_is_upside_down,
    padding_counts,
    padding_is_multiplied_away,
    another_estimator,
    answers_are_added_up,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
