"""`handcalc explain NAME`: where a number of the step comes from."""

import argparse
import json
import math
import re
import textwrap

from handcalc.commands import sentence
from handcalc.explaining.explain import Explainer, Explanation

WIDTH, GLUE = 100, "\0"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The name, and the step."""
    parser.add_argument("name", nargs="?", help="such as W_Q.0[3][1].grad, or losses[2]")
    parser.add_argument("--list", action="store_true", help="print the names of all numbers")
    sentence.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Explain a number, or list all."""
    if (options.name is None) != options.list:
        raise ValueError("explain takes the name of one number, or --list to print all names")
    explain = Explainer(sentence.first_step(options))
    if options.list:
        names = list(explain.names())
        print(json.dumps(names) if options.json else "\n".join(names))
        return 0
    found = explain(options.name)
    if options.json:
        value = found.value if math.isfinite(found.value) else None
        print(json.dumps(found._asdict() | {"value": value}))
    else:
        print_explanation(found, options.seed)
    return 0


def print_explanation(found: Explanation, seed: int) -> None:
    """The formula in names, in numbers, and its value, one below the other."""
    if not found.formula:
        source = f" of seed {seed}, from N(0, 0.1^2)" if found.how.startswith("draw") else ""
        print(f"{found.name} = {found.value!r}\n  {found.how}{source}")
        return
    print(f"{found.name}, made by {found.how}")
    for text in dict.fromkeys([found.formula, found.numbers, repr(found.value)]):
        print("\n".join(folded(f"= {text}")))
    if found.inputs:
        print("made of\n" + "\n".join(folded(", ".join(found.inputs))))


def folded(text: str) -> list[str]:
    """The lines of a formula: they end before a sign, or between two names."""
    kept = re.sub(r"(?<!,) (?![-+] )", GLUE, text)
    lines = textwrap.wrap(
        kept, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(GLUE, " ") for line in lines]
