"""An explanation as text: the formula in names, in numbers, and its value, one below the other."""

import re
import textwrap

from handcalc.explaining.explain import Explanation

WIDTH, GLUE = 100, "\0"


def explanation_text(explanation: Explanation, seed: int) -> str:
    """Return the lines to print; `seed` is the one that the weights were drawn with."""
    name, value = explanation.name, explanation.value
    if not explanation.formula:
        is_draw = explanation.how.startswith("draw")
        source = f" of seed {seed}, from N(0, 0.1^2)" if is_draw else ""
        return f"{name} = {value!r}\n  {explanation.how}{source}"
    lines = [f"{name}, made by {explanation.how}"]
    for text in dict.fromkeys([explanation.formula, explanation.numbers, repr(value)]):
        lines += wrap_formula(f"= {text}")
    if explanation.inputs:
        lines += ["made from", *wrap_formula(", ".join(explanation.inputs))]
    return "\n".join(lines)


def wrap_formula(text: str) -> list[str]:
    """Break a formula into lines, before a sign or between two names."""
    glued = re.sub(r"(?<!,) (?![-+] )", GLUE, text)
    lines = textwrap.wrap(
        glued, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(GLUE, " ") for line in lines]
