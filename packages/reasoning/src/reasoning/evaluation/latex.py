r"""From LaTeX and typography to plain arithmetic, which `tasks.expressions` can parse.

    $1{,}250\tfrac{1}{2}\,\text{cm}$  ->  1250\frac{1}{2} cm  ->  (1250+((1)/(2))) cm

Only rewriting happens here: what is not known stays as it is, and the parser refuses it later.
"""

import math
import re
from collections.abc import Callable
from fractions import Fraction

from reasoning.tasks.expressions import MAX_DEPTH, ExpressionError, parse_expression

MAX_EXPONENT = 60
"""Largest exponent that is calculated; the parser refuses large values anyway."""

DECIMAL = r"[0-9]+(?:\.[0-9]+)?"
SPACES_IN_NUMBERS = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
REPLACEMENTS = [
    (r"\\[dt]frac(?![A-Za-z])", r"\\frac"),
    (r"(?<=[0-9])(?:\{,\}|,?\\!)(?=[0-9])|\\!", ""),  # 1{,}000 and 1,\!000
    (rf"(?<=[0-9])(?:\\,|[{SPACES_IN_NUMBERS}])(?=[0-9]{{3}}(?![0-9]))", ""),
    (r"\\(?:left|right|displaystyle)(?![A-Za-z])", ""),
    (r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}", r" \1 "),
    (
        r"\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})|\\degree(?![A-Za-z])|\N{DEGREE SIGN}",
        " degrees",
    ),
    (r"\\(?:cdot|times)(?![A-Za-z])|[\N{MULTIPLICATION SIGN}\N{DOT OPERATOR}\N{MIDDLE DOT}]", "*"),
    ("\N{PLUS-MINUS SIGN}", r"\\pm "),
    ("\N{SQUARE ROOT}" + rf"\s*({DECIMAL})", r"\\sqrt{\1}"),
    (r"\\div(?![A-Za-z])|[\N{DIVISION SIGN}\N{FRACTION SLASH}]", "/"),
    (r"[\N{MINUS SIGN}\N{EN DASH}\N{NON-BREAKING HYPHEN}]", "-"),
    (r"\\[()\[\]]|\\?\$|`", " "),  # where mathematics begins and ends, and dollars
    (r"(?<![\w)])\*\*|\*\*(?![\w(])", " "),  # bold in Markdown; 2**3 is left for the parser
    (rf"\\[,;: ]|~|\\q?quad(?![A-Za-z])|[{SPACES_IN_NUMBERS}]", " "),
    (r"\\%", "%"),
]
VULGAR_FRACTIONS = {
    **{"\N{VULGAR FRACTION ONE HALF}": "1/2", "\N{VULGAR FRACTION ONE QUARTER}": "1/4"},
    **{"\N{VULGAR FRACTION THREE QUARTERS}": "3/4", "\N{VULGAR FRACTION ONE THIRD}": "1/3"},
    **{"\N{VULGAR FRACTION TWO THIRDS}": "2/3", "\N{VULGAR FRACTION ONE FIFTH}": "1/5"},
}
PATTERNS = [(re.compile(pattern), new) for pattern, new in REPLACEMENTS]
GROUP = r"\s*(\{[^{}]*\}|[0-9])"
FRACTION = re.compile(rf"(?:(?<![0-9./^])([0-9]+)\s*)?\\frac{GROUP}{GROUP}")
ROOT = re.compile(rf"\\sqrt{GROUP}")
BASE = rf"({DECIMAL}|\((?:[^()]|\([^()]*\))*\))"
EXPONENT = r"(-?[0-9]+|\{\s*-?[0-9]+\s*\})"
POWER = re.compile(rf"(?<![0-9.]){BASE}\s*\^\s*{EXPONENT}(?!\s*[\^0-9])")
MIXED = re.compile(r"(?<![0-9./])([0-9]+)\s+([0-9]+/[0-9]+)")


def plain_text(text: str) -> str:
    """Return a text without the commands and signs that only concern its typography."""
    for sign, fraction in VULGAR_FRACTIONS.items():
        text = text.replace(sign, f" {fraction}")
    for pattern, new in PATTERNS:
        text = pattern.sub(new, text)
    return text


def plain_arithmetic(text: str) -> str:
    r"""Replace \frac, \sqrt, powers and mixed numbers by sums, products and parentheses.

    Raises:
        ExpressionError: a root is not rational, or a power is too large.
    """
    text = replace_inside_out(FRACTION, fraction_as_division, text)
    text = replace_inside_out(ROOT, calculate_root, text)
    text = MIXED.sub(r"(\1+\2)", text)
    return replace_inside_out(POWER, calculate_power, text)


def replace_inside_out(
    pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str], text: str
) -> str:
    """Replace matches, which hold no braces themselves, until none is left."""
    for _ in range(MAX_DEPTH):
        text, n_replaced = pattern.subn(replacement, text)
        if not n_replaced:
            return text
    raise ExpressionError(f"more than {MAX_DEPTH} fractions, roots or powers are nested")


def fraction_as_division(match: re.Match[str]) -> str:
    r"""Return \frac{a}{b} as (a/b), and with a whole number before it as their sum."""
    above, below = (
        part if re.fullmatch(DECIMAL, part) else f"({part})"
        for part in (group.strip("{}") for group in match.groups()[1:])
    )
    return f"({match[1]}+{above}/{below})" if match[1] else f"({above}/{below})"


def calculate_root(match: re.Match[str]) -> str:
    """Return a square root as a number.

    Raises:
        ExpressionError: the root is not rational.
    """
    square = parse_expression(plain_arithmetic(match[1].strip("{}"))).value
    if square < 0:
        raise ExpressionError(f"{square} has no real root")
    root = Fraction(math.isqrt(square.numerator), math.isqrt(square.denominator))
    if root * root != square:
        raise ExpressionError(f"the root of {square} is not rational")
    return f"({root})"


def calculate_power(match: re.Match[str]) -> str:
    """Return a power with a whole exponent as a number.

    Raises:
        ExpressionError: the exponent is too large, or zero has a negative exponent.
    """
    base, exponent = parse_expression(match[1]).value, int(match[2].strip("{} "))
    if abs(exponent) > MAX_EXPONENT or (base == 0 and exponent < 0):
        raise ExpressionError(f"the exponent {exponent} of {base} is not accepted")
    return f"({base**exponent})"
