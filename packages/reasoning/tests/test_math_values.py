from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning.evaluation.math_values import MathValue, Quantity, read_value


def number(value):
    return MathValue((Quantity(Fraction(value)),))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("72", 72),
        ("1,234.50", "2469/2"),
        (r"-\frac{3}{4}", "-3/4"),
        (r"1\frac{1}{2}", "3/2"),
        ("1e3", 1000),
        (r"1.5\times10^{-3}", "3/2000"),
        (r"\sqrt{\frac{4}{9}}", "2/3"),
        ("-2^2", -4),
        ("x = 12 cm", 12),
        ("$12", 12),
        ("2 million people", 2_000_000),
        ("3 + 4 = 7", 7),
        ("(5)", 5),
        ("{5}", 5),
    ],
)
def test_numbers_by_hand(text, value):
    assert read_value(text) == number(value)
    assert number(value).number == Fraction(value)


def test_a_percentage_has_two_readings():
    half = read_value("50%")
    assert half.equals(number(50)) and half.equals(number("1/2")) and number("1/2").equals(half)
    assert not half.equals(number(5)) and not half.equals(read_value("0.5%"))
    assert read_value("100%").equals(read_value("100 percent"))
    # 1% is 1, and 100% is 1; they are not the same for it
    assert not read_value("1%").equals(read_value("100%"))


def test_sets_have_no_order_and_brackets_have_one():
    assert read_value("1, 5").equals(read_value(r"\{5, 1\}"))
    assert read_value(r"x = \pm 2").equals(read_value("2 or -2"))
    assert not read_value("1, 5").equals(read_value("1, 5, 6"))
    assert not read_value("(1, 2)").equals(read_value("(2, 1)"))
    assert not read_value("[1, 2)").equals(read_value("[1, 2]"))
    assert read_value("[1, 1/2)") == MathValue(
        (Quantity(Fraction(1)), Quantity(Fraction(1, 2))), "[)"
    )
    # two percentages may meet the same number: every member of both sides needs a partner
    assert not read_value("50%, 7").equals(read_value("50, 1/2"))


@pytest.mark.parametrize(
    "text",
    [
        *("", "twelve", "x + 1", "2x = 10", r"2\pi", "5 pi", "1/0", "6!", "2**3", "1 2", "(1", "B"),
        *("10^1000000", "9^9^9", r"\sqrt{2}", r"\sqrt{-4}", "0^{-1}", "1e999", "12 or less"),
        *("1" * 400, r"\frac{" * 30 + "1" + "}{1}" * 30, "(" * 50 + "1" + ")" * 50, "\u0663", "1,"),
    ],
)
def test_what_is_no_number_is_refused(text):
    assert read_value(text) is None


PIECES = [
    *(r"\frac", r"\sqrt", r"\boxed", r"\pm", r"\text", "{", "}", "(", ")", "[", "]", r"\{", r"\}"),
    *("^", ",", ".", "=", "%", "$", "1", "23", "0", " ", "-", "+", "/", "*", "e", "x", "cm", "\n"),
    *("####", "answer is", "answer:", "million", "and", "\u00bd", "\u2212", "**"),
]
awkward_texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=80)


@settings(deadline=None)
@given(awkward_texts)
def test_any_text_gives_a_value_or_none(text):
    value = read_value(text)
    assert value is None or all(isinstance(each.written, Fraction) for each in value.members)


@settings(deadline=None)
@given(st.fractions(max_denominator=999), st.sampled_from(["frac", "slash", "mixed"]))
def test_every_way_to_write_a_fraction_is_read(value, style):
    sign, (whole, rest) = "-" if value < 0 else "", divmod(abs(value.numerator), value.denominator)
    text = {
        "frac": rf"{sign}\dfrac{{{abs(value.numerator)}}}{{{value.denominator}}}",
        "slash": f"{value.numerator}/{value.denominator}",
        "mixed": rf"{sign}{whole}\frac{{{rest}}}{{{value.denominator}}}",
    }[style]
    if abs(value.numerator) < 10**17:
        assert read_value(text) == number(value)


@settings(deadline=None)
@given(st.integers(-(10**15), 10**15))
def test_separators_of_thousands_change_nothing(value):
    latex = f"{value:,}".replace(",", "{,}")
    assert read_value(f"{value:,}") == read_value(latex) == read_value(str(value)) == number(value)
