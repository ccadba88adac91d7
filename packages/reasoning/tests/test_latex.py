import pytest

from reasoning.evaluation.latex import plain_arithmetic, plain_text
from reasoning.tasks.expressions import ExpressionError


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"12{,}000 and 12,\!000 and 12\,000", "12000 and 12000 and 12000"),
        (r"5\,000\,00", "5000 00"),  # only three digits follow a separator
        (r"\left( 1, 2 \right)", "( 1, 2 )"),
        (r"3\text{ cm}", "3  cm "),
        (r"45^\circ", "45 degrees"),
        (r"2\times3 \cdot 4 \div 5", "2*3 * 4 / 5"),
        ("\N{MINUS SIGN}2\N{VULGAR FRACTION ONE HALF}", "-2 1/2"),
        ("**5** 2**3", " 5  2**3"),
        (r"\$5 \(6\) $7$", " 5  6   7 "),
        ("\N{SQUARE ROOT}16", r"\sqrt{16}"),
        (r"\timesx", r"\timesx"),  # another command
    ],
)
def test_typography_is_removed(text, plain):
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    ("text", "arithmetic"),
    [
        (r"\frac{1}{2}", "(1/2)"),
        (r"\frac12", "(1/2)"),
        (r"3\frac{1}{2}", "(3+1/2)"),
        ("3 1/2", "(3+1/2)"),
        (r"\frac{\frac{1}{2}}{1 + 2}", "(((1/2))/(1 + 2))"),
        (r"\sqrt{16}", "(4)"),
        (r"\sqrt{\frac{4}{9}}", "(2/3)"),
        ("2^{10}", "(1024)"),
        ("-2^2", "-(4)"),
        (r"(\frac{1}{3})^2", "(1/9)"),
        ("2^{-2}", "(1/4)"),
        ("2^3^2", "2^(9)"),  # from the right, as in mathematics; the parser refuses it
    ],
)
def test_commands_become_arithmetic(text, arithmetic):
    assert plain_arithmetic(text) == arithmetic


@pytest.mark.parametrize("text", [r"\sqrt{2}", r"\sqrt{-1}", "2^{61}", "0^{-1}", "(1/0)^2"])
def test_what_has_no_exact_value_is_refused(text):
    with pytest.raises(ExpressionError):
        plain_arithmetic(text)
