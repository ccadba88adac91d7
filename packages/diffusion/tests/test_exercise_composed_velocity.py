"""The check of `composed_velocity` refuses common mistakes."""

import pytest
import torch

from diffusion.exercises.check_composed_velocity import check


def evaluated(model, x, t, conditions, null):
    """Return the unconditional velocity, and that of each condition, from one evaluation."""
    n = 1 + len(conditions)
    ids = torch.cat([null.expand_as(conditions[0]), *conditions])
    plain, *conditional = model(torch.cat([x] * n), t.repeat(n), ids).chunk(n)
    return plain, conditional


def one_evaluation_per_condition(model, x, t, conditions, null, weights):
    plain = model(x, t, null.expand_as(conditions[0]))
    pairs = zip(weights, conditions, strict=True)
    return plain + sum(w * (model(x, t, each) - plain) for w, each in pairs)


def weights_times_velocities(model, x, t, conditions, null, weights):
    plain, conditional = evaluated(model, x, t, conditions, null)
    return plain + sum(w * v for w, v in zip(weights, conditional, strict=True))


def guided_by_the_sum_of_weights(model, x, t, conditions, null, weights):
    plain, conditional = evaluated(model, x, t, conditions, null)
    return plain + sum(weights) * (sum(conditional) / len(conditional) - plain)


def each_difference_from_the_last(model, x, t, conditions, null, weights):
    velocity, conditional = evaluated(model, x, t, conditions, null)
    for w, v in zip(weights, conditional, strict=True):
        velocity = velocity + w * (v - velocity)
    return velocity


def the_last_channels_are_forgotten(model, x, t, conditions, null, weights):
    plain, conditional = evaluated(model, x, t, conditions, null)
    guided = conditional[0].clone()
    pairs = zip(weights, conditional, strict=True)
    guided[:, :3] = (plain + sum(w * (v - plain) for w, v in pairs))[:, :3]
    return guided


def rows_in_the_wrong_order(model, x, t, conditions, null, weights):
    n = 1 + len(conditions)
    ids = torch.stack([null.expand_as(conditions[0]), *conditions], dim=1).flatten(0, 1)
    plain, *conditional = model(torch.cat([x] * n), t.repeat(n), ids).chunk(n)
    return plain + sum(w * (v - plain) for w, v in zip(weights, conditional, strict=True))


WRONG = [
    one_evaluation_per_condition,
    weights_times_velocities,
    guided_by_the_sum_of_weights,
    each_difference_from_the_last,
    the_last_channels_are_forgotten,
    rows_in_the_wrong_order,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
