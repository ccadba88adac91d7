"""The check of `successive_halving` refuses common mistakes."""

import math

import pytest

from finetune.exercises.check_successive_halving import check


def halved(run, settings, steps, kept, losses=lambda found: found, grow=lambda steps: 2 * steps):
    left = list(settings)
    while len(left) > 1:
        found = losses([run(setting, steps) for setting in left])
        order = sorted(range(len(left)), key=found.__getitem__)
        left = [left[place] for place in order[: kept(len(left))]]
        steps = grow(steps)
    return left[0]


def no_nan(found):
    return [math.inf if math.isnan(loss) else loss for loss in found]


def up(n):
    return (n + 1) // 2


def rounded_down(run, settings, steps):
    return halved(run, settings, steps, lambda n: n // 2, no_nan)


def nan_is_left_to_the_sort(run, settings, steps):
    return halved(run, settings, steps, up)


def nan_is_the_best(run, settings, steps):
    return halved(
        run,
        settings,
        steps,
        up,
        lambda found: [0.0 if math.isnan(loss) else loss for loss in found],
    )


def steps_stay(run, settings, steps):
    return halved(run, settings, steps, up, no_nan, grow=lambda steps: steps)


def the_worse_half(run, settings, steps):
    return halved(run, settings, steps, up, lambda found: [-loss for loss in no_nan(found)])


def the_first_half_without_a_look(run, settings, steps):
    return halved(run, settings, steps, up, lambda found: [float(i) for i in range(len(found))])


def one_loses_a_round(run, settings, steps):
    return halved(run, settings, steps, lambda n: n - 1, no_nan)


def only_the_first_round(run, settings, steps):
    found = no_nan([run(setting, steps) for setting in settings])
    return settings[found.index(min(found))]


def everybody_runs_to_the_end(run, settings, steps):
    found = [no_nan([run(each, steps * 2**i) for i in range(3)])[-1] for each in settings]
    return settings[found.index(min(found))]


WRONG = [
    rounded_down,
    nan_is_left_to_the_sort,
    nan_is_the_best,
    steps_stay,
    the_worse_half,
    the_first_half_without_a_look,
    one_loses_a_round,
    only_the_first_round,
    everybody_runs_to_the_end,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
