"""`handcalc explain NAME`: print the formula of a number, and the numbers in it."""

import argparse
import json
import math

from handcalc.explaining.explain import Explainer
from handcalc.explaining.text import explanation_text
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.optimizers import OPTIMIZERS, State, training_step


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the name of a number, and the option that lists all names."""
    parser.add_argument(
        "name", nargs="?", help="name of a number, such as W_Q.0[3][1].grad or losses[2]"
    )
    parser.add_argument("--list", action="store_true", help="print the names of all numbers")


def run(options: argparse.Namespace) -> int:
    """Explain one number, or list the names of all."""
    if (options.name is None) != options.list:
        raise ValueError("explain takes the name of one number, or --list to print all names")
    state = State(0, initial_weights(Shape(), options.block, options.seed), {})
    optimizer, tokens = OPTIMIZERS[options.optimizer], options.text
    c, _ = training_step(state, tokens, tokens[1:], options.block, optimizer)
    explain = Explainer(c)
    if options.list:
        print(json.dumps(explain.names) if options.json else "\n".join(explain.names))
        return 0
    explanation = explain(options.name)
    if options.json:
        value = explanation.value if math.isfinite(explanation.value) else None
        print(json.dumps(explanation._asdict() | {"value": value}))
    else:
        print(explanation_text(explanation, options.seed))
    return 0
