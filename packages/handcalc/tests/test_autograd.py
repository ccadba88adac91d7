"""The engine: each operation against differences, shared numbers, and long calculations."""

import math

import pytest

from handcalc.gradients.autograd import Number
from handcalc.gradients.differences import differences

OPERATIONS = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "a + 3": lambda a, b: a + 3.0,
    "3 + a": lambda a, b: 3.0 + a,
    "a - 3": lambda a, b: a - 3.0,
    "3 - a": lambda a, b: 3.0 - a,
    "a * 3": lambda a, b: a * 3.0,
    "3 * a": lambda a, b: 3.0 * a,
    "a / 3": lambda a, b: a / 3.0,
    "1 / a": lambda a, b: 1.0 / a,
    "-a": lambda a, b: -a,
    "-a / b - 1 / a": lambda a, b: -a / b - 1.0 / a,
    "a ** 3": lambda a, b: a**3,
    "(a * a) ** 0.5": lambda a, b: (a * a) ** 0.5,
    "a * a * b": lambda a, b: a * a * b,
    "a / (a + b)": lambda a, b: a / (a + b),
}
FUNCTIONS = {"exp": math.exp, "log": math.log, "tanh": math.tanh}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_an_operation_and_its_derivatives(operation):
    at = [0.7, -1.3]
    a, b = map(Number, at)
    result = operation(a, b)
    result.backward()
    assert result.value == operation(*at)
    expected = differences(lambda: operation(*at), at)
    assert [a.grad, b.grad] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_and_its_derivative(name):
    at = [0.7]
    x = Number(at[0])
    result = getattr(x, name)()
    result.backward()
    assert result.value == FUNCTIONS[name](0.7)
    assert [x.grad] == pytest.approx(differences(lambda: FUNCTIONS[name](at[0]), at), abs=1e-9)


def test_comparisons_look_at_the_value():
    assert Number(2.0) > Number(1.0) and not Number(1.0) > 1.0
    assert max([Number(1.0), Number(3.0), Number(2.0)]).value == 3


def test_a_second_backward_pass_gives_the_same():
    x = Number(3.0)
    y = x * x
    for _ in range(2):
        y.backward()
        assert x.grad == 6


def test_a_shared_number_waits_for_all_its_children():
    x = Number(2.0)
    y = x * x
    z = y * y
    (z + y).backward()
    assert x.grad == 36  # 4 x^3 + 2 x


def test_a_long_calculation_does_not_run_out_of_stack():
    x = Number(1.0)
    y = x
    for _ in range(20_000):
        y = y + x
    y.backward()
    assert x.grad == 20_001
