"""The check of `best_of_n` refuses common mistakes."""

import pytest
import torch

from finetune.exercises.check_best_of_n import check


def at_most(reference, rewards):
    return (reference.exp() * (rewards <= rewards[:, None])).sum(-1)


def n_times_as_likely(reference, rewards, n):
    return (reference * n).softmax(-1)


def only_the_best_answer(reference, rewards, n):
    chance = 1 - (1 - reference.exp()) ** n
    return torch.where(rewards == rewards.max(), chance, reference.exp() * (1 - chance.max()))


def worse_ones_are_not_taken_away(reference, rewards, n):
    return at_most(reference, rewards) ** n


def equals_in_the_order_of_the_list(reference, rewards, n):
    order = rewards.argsort(stable=True)
    below = reference.exp()[order].cumsum(-1)
    shares = below**n - (below - reference.exp()[order]) ** n
    return shares[order.argsort()]


def equals_share_evenly(reference, rewards, n):
    equal = rewards == rewards[:, None]
    worse = (reference.exp() * (rewards < rewards[:, None])).sum(-1)
    return (at_most(reference, rewards) ** n - worse**n) / equal.sum(-1)


def the_worst_of_n(reference, rewards, n):
    worse = (reference.exp() * (rewards > rewards[:, None])).sum(-1)
    equal = (reference.exp() * (rewards == rewards[:, None])).sum(-1)
    return ((worse + equal) ** n - worse**n) * reference.exp() / equal


WRONG = [
    n_times_as_likely,
    only_the_best_answer,
    worse_ones_are_not_taken_away,
    equals_in_the_order_of_the_list,
    equals_share_evenly,
    the_worst_of_n,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
