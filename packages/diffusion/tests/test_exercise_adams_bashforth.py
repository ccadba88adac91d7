"""The check of `adams_bashforth` refuses common mistakes."""

from itertools import pairwise

import pytest

from diffusion.exercises.check_adams_bashforth import check
from diffusion.flow.samplers import euler, heun, sample


def steps(combine, velocity, x, times):
    """Steps that combine this velocity and the last one, with the lengths of both steps."""
    v_old, h_old = None, None
    for t, t_next in pairwise(times.tolist()):
        h, v = t_next - t, velocity(x, t)
        x = x + h * (v if v_old is None else combine(v, v_old, h, h_old))
        v_old, h_old = v, h
    return x


def only_euler(velocity, noise, times):
    return sample(velocity, noise, times, euler)


def only_heun(velocity, noise, times):
    return sample(velocity, noise, times, heun)


def steps_of_equal_length(velocity, noise, times):
    return steps(lambda v, old, h, h_old: 1.5 * v - 0.5 * old, velocity, noise, times)


def the_ratio_upside_down(velocity, noise, times):
    return steps(lambda v, old, h, h_old: v + h_old / (2 * h) * (v - old), velocity, noise, times)


def the_mean_of_both(velocity, noise, times):
    return steps(lambda v, old, h, h_old: (v + old) / 2, velocity, noise, times)


def evaluates_the_old_velocity_again(velocity, noise, times):
    def combine(v, old, h, h_old):
        velocity(noise, float(times[0]))
        return v + h / (2 * h_old) * (v - old)

    return steps(combine, velocity, noise, times)


WRONG = [
    only_euler,
    only_heun,
    steps_of_equal_length,
    the_ratio_upside_down,
    the_mean_of_both,
    evaluates_the_old_velocity_again,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
