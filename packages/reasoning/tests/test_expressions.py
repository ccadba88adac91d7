from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasoning.tasks.expressions import ExpressionError, parse_expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("100 / 10 / 5", 2),
        ("1/3 + 1/6", Fraction(1, 2)),
        ("-3 + 5", 2),
        ("2 * -3", -6),
        ("--4", 4),
        ("0.5 * 4", 2),
        ("3 x 4", 12),
        ("3 \N{MULTIPLICATION SIGN} 4 \N{MINUS SIGN} 2", 10),
        ("8 \N{DIVISION SIGN} 2", 4),
        ("  ( ( 2 ) )  ", 2),
    ],
)
def test_values_by_hand(text, value):
    assert parse_expression(text).value == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "ends where a number"),
        ("1 +", "ends where a number"),
        ("* 2", "'\\*' stands where a number"),
        ("1 2", "'2' follows a complete"),
        ("(1 + 2", "not closed"),
        ("1 + 2)", "'\\)' follows"),
        ("1 / 0", "divides by zero"),
        ("1 / (2 - 2)", "divides by zero"),
        ("2 ** 3", "'\\*' stands where"),
        ("__import__('os')", "'_' stands where"),
        ("1e9", "'e' follows"),
        ("9" * 19, "19 characters is too long"),
        ("(" * 21 + "1" + ")" * 21, "more than 20"),
        ("-" * 21 + "1", "more than 20"),
        ("1+" * 150 + "1", "301 characters"),
        ("*".join(["999999999999999999"] * 3), "too large"),
        ("\u0663 + 1", "stands where a number"),
    ],
)
def test_what_is_no_expression_is_refused(text, fault):
    with pytest.raises(ExpressionError, match=fault):
        parse_expression(text)


@given(
    st.text(alphabet="0123456789+-*/x(). \n\N{MINUS SIGN}a_", max_size=60) | st.text(max_size=40)
)
def test_any_text_gives_a_value_or_an_expression_error(text):
    try:
        expression = parse_expression(text)
    except ExpressionError:
        return
    assert isinstance(expression.value, Fraction)


expressions = st.recursive(
    st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=8,
)


@given(expressions)
def test_values_equal_those_of_python(text):
    parsed = parse_expression(text)
    assert parsed.value == eval(text)
    assert parse_expression(str(parsed)).value == parsed.value
    assert [int(each.value) for each in parsed.numbers()] == [
        int(word) for word in text.replace("(", " ").replace(")", " ").split() if word.isdigit()
    ]


def test_the_longest_expression_can_be_written_compared_and_counted():
    longest, again = (parse_expression("1+" * 149 + "11") for _ in range(2))
    assert str(longest).startswith("(" * 148) and hash(longest) == hash(again)
    assert len(list(longest.numbers())) == 150
