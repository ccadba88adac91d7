"""The check of `undominated` refuses common mistakes."""

import pytest

from finetune.exercises.check_undominated import check


def by_distance(policies):
    return sorted(policies, key=lambda name: policies[name][0])


def all_of_them(policies):
    return by_distance(policies)


def only_the_best(policies):
    return [max(policies, key=lambda name: policies[name][1])]


def better_than_the_one_before(policies):
    kept, last = [], -1.0
    for name in by_distance(policies):
        if policies[name][1] > last:
            kept.append(name)
        last = policies[name][1]
    return kept


def ties_stay(policies):
    kept, best = [], -1.0
    for name in by_distance(policies):
        if policies[name][1] >= best:
            kept.append(name)
            best = policies[name][1]
    return kept


def equals_go(policies):
    kept, best = [], -1.0
    for name in sorted(policies, key=lambda name: (policies[name][0], -policies[name][1])):
        if policies[name][1] > best:
            kept.append(name)
            best = policies[name][1]
    return kept


def in_the_order_given(policies):
    return [
        name
        for name, (kl, reward) in policies.items()
        if not any(k <= kl and r >= reward and (k, r) != (kl, reward) for k, r in policies.values())
    ]


@pytest.mark.parametrize(
    "mistake",
    [
        all_of_them,
        only_the_best,
        better_than_the_one_before,
        ties_stay,
        equals_go,
        in_the_order_given,
    ],
)
def test_the_check_refuses_a_common_mistake(mistake):
    with pytest.raises(AssertionError):
        check(mistake)
