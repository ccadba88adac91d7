"""Two steps of each optimizer on one weight, by hand."""

import pytest

from handcalc.calculation import Calculation
from handcalc.training.optimizers import OPTIMIZERS, update


def two_steps(name, **constants):
    """Return w after each step, from w = 1 along a gradient of 2 and then of -1."""
    weights, memory, found = {"w": [1.0]}, {}, []
    for step, gradient in ((1, 2.0), (2, -1.0)):
        c = Calculation(weights)
        c.values["w.grad"] = [gradient]
        weights, memory = update(c, OPTIMIZERS[name], memory, step, **constants)
        found.append(weights["w"][0])
    return found


def test_plain_descent():
    assert two_steps("sgd") == pytest.approx([0.98, 0.99])
    assert two_steps("sgd", rate=0.1) == pytest.approx([0.8, 0.9])


def test_momentum():
    # u = 2, then .9 x 2 - 1 = .8; each times a rate of .01
    assert two_steps("momentum") == pytest.approx([0.98, 0.972])
    assert two_steps("momentum", rate=0.1, friction=0.5) == pytest.approx([0.8, 0.8])


def test_adam():
    # the first step is the rate itself, whatever the gradient: m' = 2, v' = 4
    # m = .9 x .2 - .1 = .08, m' = .08 / .19;  v = .999 x .004 + .001 = .004996, v' = v / .001999
    second = 0.001 * (0.08 / 0.19) / (0.004996 / 0.001999) ** 0.5
    assert two_steps("adam") == pytest.approx([0.999, 0.999 - second], abs=1e-10)


def test_the_decay_of_adamw_acts_on_the_old_weight():
    kept = 1 - 0.001 * 0.01
    second = 0.001 * (0.08 / 0.19) / (0.004996 / 0.001999) ** 0.5
    first = kept * 1.0 - 0.001
    assert two_steps("adamw") == pytest.approx([first, kept * first - second], abs=1e-10)
