r"""Where a free text gives its answer.

1. The last \boxed{...} or `#### ...` counts, and nothing else: a box that cannot be read is no
   answer, and an earlier one does not count.
2. Without them, what follows the last "answer is" or "answer:" counts: the rest of the sentence if
   it spells a value, else the first number, or the end of the equation that begins with it.
3. Without that, the whole text counts if it spells a value, else its last number.

A number is a whole word. Digits inside of a longer piece are not read: `x2`, `3rd`, a range, a
date, a time, a version. So no answer is found as a part of another one.
"""

import re

from reasoning.evaluation.latex import DECIMAL, FRACTION, plain_text
from reasoning.evaluation.math_values import (
    CURRENCIES,
    GLUED_UNITS,
    MAGNITUDES,
    THOUSANDS,
    MathValue,
    read_value,
)

MAX_TEXT = 100_000
"""Characters of a text that is searched; longer ones have no answer."""

MARK = re.compile(r"\\boxed\s*\{|####")
MARKER = re.compile(r"\banswer(?:\s+is|\s+should\s+be|\s*[:=])[\s:*]*", re.IGNORECASE)
SENTENCE_END = re.compile(r"\n|[.!?;](?:\s|$)")
PLAIN = rf"(?:{THOUSANDS}|[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{{1,2}})?|\.[0-9]+"
NUMBER_WORD = re.compile(
    rf"(?<![\w./:^{{\\])(?<!\w-)(?<![0-9],)(?:(?<![\w)])[-+])?[{CURRENCIES}]?"
    rf"(?:{FRACTION.pattern}|[0-9]+ [0-9]+/[0-9]+|{DECIMAL}/{DECIMAL}|{PLAIN})"
    rf"(?:\s?%|\s(?:per ?cent|pct|{'|'.join(MAGNITUDES)})\b|{GLUED_UNITS})?"
    "(?![\\w^{]|[./:,-][0-9]|\\s?(?:pi\\b|\N{GREEK SMALL LETTER PI}|\\\\[A-Za-z]))"
)
EQUATION = re.compile(r"[-+*/x=()%. 0-9]*=")


def free_answer(text: str) -> MathValue | None:
    """Return the value that a free text answers, or None if it gives none that can be read."""
    if len(text) > MAX_TEXT:
        return None
    for mark in reversed(list(MARK.finditer(text))):
        if mark[0].startswith("#"):
            line, *_ = text[mark.end() :].split("\n", 1)
            if value := read_value(line):  # else it is a heading in Markdown
                return value
        else:
            content = braces_content(text, mark.end())
            return None if content is None else read_value(content)
    text = plain_text(text)
    markers = list(MARKER.finditer(text))
    if markers:
        return stated_answer(text[markers[-1].end() :])
    if value := read_value(text):
        return value
    numbers = [match[0] for match in NUMBER_WORD.finditer(text)]
    return read_value(numbers[-1]) if numbers else None


def is_right(gold: MathValue, text: str) -> bool:
    """Whether a free text answers this value."""
    value = free_answer(text)
    return value is not None and value.equals(gold)


def braces_content(text: str, begin: int) -> str | None:
    r"""Return the text from `begin` to the brace that closes it, or None if none does.

    Braces that are written as \{ and \} count as well: they come in pairs, too.
    """
    depth = 1
    for end in range(begin, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[begin:end]
    return None


def stated_answer(text: str) -> MathValue | None:
    """Return the value of a text that begins with an answer."""
    sentence = SENTENCE_END.split(text.lstrip(), maxsplit=1)[0]
    if value := read_value(sentence):
        return value
    number = NUMBER_WORD.search(text)
    if number and (equation := EQUATION.match(text, number.start())):
        number = NUMBER_WORD.search(text, equation.end())
    return read_value(number[0]) if number else None
