r"""The exact value of an answer: a number, a set of numbers, a pair or an interval.

The rules, which decide whether two answers are the same:

1. Numbers are compared as fractions: 0.5 = 1/2 = \frac{1}{2} = 5e-1, but 0.333333 is not 1/3.
2. A percentage is both of its readings, as in math-verify: 50% is 50, and 50% is 1/2.
3. Units and currencies are dropped, and so is a name before an equals sign: $12, 12 cm, x = 12.
   Of an equation of numbers, the last side counts. `2 million` is 2,000,000.
4. A comma before exactly three digits separates thousands; other commas separate the members of a
   set, in any order. A set of one member is that number.
5. Brackets keep the order and must agree: (1, 2) is a pair or an open interval, [1, 2] a closed
   one. Inside of brackets, every comma separates.

Arithmetic is calculated (`3 + 4` is 7). Letters in formulas, irrational numbers, words for numbers
and whatever exceeds a limit are refused: general mathematics is the work of a library.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from reasoning.evaluation.latex import plain_arithmetic, plain_text
from reasoning.tasks.expressions import MAX_CHARACTERS, ExpressionError, parse_expression

THOUSANDS = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?!,?[0-9])"
MAGNITUDES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9}
CURRENCIES = "\N{EURO SIGN}\N{POUND SIGN}\N{YEN SIGN}"
"""Signs of currencies that stay in the text; dollars go with the signs of mathematics."""
GLUED_UNITS = r"(?:[kcm]?m|k?g|mg|m?l|L|km/h|mph|ft|lbs?|hrs?|min|h|s)(?![A-Za-z])"
"""Units that may follow a number without a space; other letters there are variables."""

NAMED_SIDE = re.compile(r"\s*(?:\\?[A-Za-z]\w*(?:\([A-Za-z]\))?)\s*")
PERCENT = re.compile(r"\s*(?:%|\bper ?cent\b|\bpct\b)\s*$", re.IGNORECASE)
MAGNITUDE = re.compile(rf"\s*\b({'|'.join(MAGNITUDES)})$", re.IGNORECASE)
UNIT = r"(?:[A-Za-z]{2,}|[mgslhL])(?:\s*\^\s*\{?[23]\}?|[\u00b2\u00b3])?"
UNITS = re.compile(rf"(?:\s+{UNIT}|(?<=[0-9])\s*{GLUED_UNITS})(?:[ /]+{UNIT}){{0,5}}\s*$")
NOT_UNITS = re.compile(r"\b(?:pi|sqrt|root|times|plus|minus|more|less|of|or|and)\b", re.IGNORECASE)
LITERAL = re.compile(
    rf"(?<![\w.])(?:({THOUSANDS}|[0-9]+)?(\.[0-9]+)|({THOUSANDS}|[0-9]+))([eE][+-]?[0-9]{{1,2}})?"
)
PLUS_MINUS = r"\pm"
BRACES = re.compile(r"\\?\{(.*?)\\?\}", re.DOTALL)
LIST_COMMA = re.compile(r",(?![0-9]{3}(?![0-9]))|(?<![0-9]),")
CONJUNCTION = re.compile(r",?\s+(?:and|or)\s+")


@dataclass(frozen=True)
class Quantity:
    """A number, and whether it was written as a percentage."""

    written: Fraction
    is_percentage: bool = False

    def readings(self) -> set[Fraction]:
        """Return the values that the number may have."""
        return {self.written, self.written / 100} if self.is_percentage else {self.written}

    def equals(self, other: "Quantity") -> bool:
        """Whether both have a reading in common; two percentages are compared as written."""
        if self.is_percentage and other.is_percentage:
            return self.written == other.written
        return not self.readings().isdisjoint(other.readings())


@dataclass(frozen=True)
class MathValue:
    """Numbers in brackets, or a set of numbers; a single number is a set of one."""

    members: tuple[Quantity, ...]
    brackets: str = ""
    """Two brackets such as "(]"; empty for a set."""

    @property
    def number(self) -> Fraction | None:
        """The number as it is written, if the value is one number: what votes are counted by."""
        is_number = len(self.members) == 1 and not self.brackets
        return self.members[0].written if is_number else None

    def equals(self, other: "MathValue") -> bool:
        """Whether both are the same by the rules of this module."""
        if self.brackets != other.brackets or len(self.members) != len(other.members):
            return False
        if self.brackets:
            return all(a.equals(b) for a, b in zip(self.members, other.members, strict=True))
        return all(any(a.equals(b) for b in other.members) for a in self.members) and all(
            any(a.equals(b) for a in self.members) for b in other.members
        )


def read_value(text: str) -> MathValue | None:
    """Return the value that a whole text spells, or None if it is refused."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        return parse_value(plain_text(text).strip().rstrip(".").rstrip())
    except ExpressionError:
        return None


def parse_value(text: str) -> MathValue:
    """Return the value of a text without typography.

    Raises:
        ExpressionError: the text is refused.
    """
    name, equals, side = text.partition("=")
    if equals and NAMED_SIDE.fullmatch(name):
        return parse_value(side.strip())
    if braces := BRACES.fullmatch(text):
        return make_set(split_at_commas(braces[1]))
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        members = split_at_commas(text[1:-1])
        if len(members) > 1:
            return MathValue(tuple(map(parse_quantity, members)), text[0] + text[-1])
    return make_set(LIST_COMMA.split(CONJUNCTION.sub(", ", text)))


def make_set(members: list[str]) -> MathValue:
    r"""Return the set of these numbers, each once, in their order; \pm 2 is two of them.

    Raises:
        ExpressionError: a member is refused.
    """
    signed = [
        sign + member.strip().removeprefix(PLUS_MINUS)
        for member in members
        for sign in (("", "-") if member.strip().startswith(PLUS_MINUS) else ("",))
    ]
    return MathValue(tuple(dict.fromkeys(map(parse_quantity, signed))))


def split_at_commas(text: str) -> list[str]:
    """Split a text at its commas outside of parentheses and braces."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "({") - (character in ")}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def parse_quantity(text: str) -> Quantity:
    """Return the number that a text spells, without its name, unit and currency.

    Raises:
        ExpressionError: the text is refused.
    """
    *sides, text = text.split("=")
    if sides and not NAMED_SIDE.fullmatch(sides[0]):
        for side in sides:
            calculate_number(side)  # 2x = 10 says nothing about 10
    without_percent = PERCENT.sub("", text)
    return Quantity(calculate_number(without_percent), without_percent != text)


def calculate_number(text: str) -> Fraction:
    """Return the value of arithmetic, which a magnitude and units may follow.

    Raises:
        ExpressionError: the text is refused.
    """
    text = re.sub(f"[{CURRENCIES}]", " ", text).strip().removeprefix("+")
    factor = 1
    if units := UNITS.search(text):
        words = units[0].strip()
        if NOT_UNITS.search(words):
            raise ExpressionError(f"{words!r} is not a unit")
        first, *_ = words.lower().split()
        factor = MAGNITUDES.get(first, 1)
        text = text[: units.start()]
    arithmetic = plain_arithmetic(LITERAL.sub(decimal_literal, text))
    return parse_expression(arithmetic).value * factor


def decimal_literal(match: re.Match[str]) -> str:
    """Return a number without separators and exponent, as the parser reads it."""
    whole, decimals, alone, exponent = match.groups()
    digits = (alone or whole or "0").replace(",", "") + (decimals or "")
    return digits if exponent is None else f"({Fraction(digits + exponent)})"
