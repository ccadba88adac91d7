"""`handcalc step`: every number of a training step."""

import argparse
import json
import math
from typing import Any

from handcalc.commands import sentence
from handcalc.commands.tables import table
from handcalc.model.calculation import Calculation
from handcalc.model.weights import numbers
from handcalc.operations.matrices import dot, each
from handcalc.operations.vocabulary import WORDS


def add_options(parser: argparse.ArgumentParser) -> None:
    """The step, and how many more."""
    sentence.add_options(parser)
    parser.add_argument("--steps", type=positive, default=1, help="updates of the weights")


def positive(text: str) -> int:
    """A count of at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def run(options: argparse.Namespace) -> int:
    """Forward, backward and as many updates as were asked for."""
    c = sentence.first_step(options)
    gradients = {name: c.values[f"{name}.grad"] for name in c.weights}
    every = [number for name in c.weights for number in numbers(gradients[name])]
    found = {
        "block": options.block,
        "loss": c.values["loss"],
        "losses": c.values["losses"],
        "perplexity": math.exp(c.values["loss"]),
        "grad_norm": math.sqrt(dot(every, every)),
        "parameters": len(every),
        "loss_after": sentence.losses_after(c, options.steps, options),
    }
    if options.json:
        found |= {"tensors": stages(c), "gradients": gradients}
        print(json.dumps(found, allow_nan=False))
    else:
        print_stages(c)
        print_summary(found, options)
    return 0


def stages(c: Calculation) -> dict[str, Any]:
    """The weights and what the forward pass made of them, null for the scores of the future."""
    names = [*c.weights, *(name for line in c.lines for name in line.names)]
    return {name: finite(c.values[name]) for name in names[: names.index("loss") + 1]}


def finite(value: Any) -> Any:
    """The same lists with null for what is infinite, which JSON cannot say."""
    return each(lambda x: x if math.isfinite(x) else None, value)


def print_stages(c: Calculation) -> None:
    """A table for every tensor, up to the gradients."""
    tokens: list[int] = c.values["tokens"]
    words = [WORDS[token] for token in tokens]
    for name in c.weights:
        print(table(name, "a weight", c.values[name], []))
    for line in c.lines:
        formula = f"= {line.function.__name__}({', '.join(line.inputs)})\n  "
        formula += line.function.__doc__.splitlines()[0]
        for name in line.names:
            print(table(name, formula, c.values[name], words))
        if "token.grad" in line.names:
            break  # the update has as many numbers again


def print_summary(found: dict[str, Any], options: argparse.Namespace) -> None:
    """What the step comes to."""
    print(f"\nblock {found['block']}, {found['parameters']:,} parameters")
    print(f"loss {found['loss']:.6f} nats, perplexity {found['perplexity']:.4f}; by guessing, "
          f"{math.log(len(WORDS)):.4f} and {len(WORDS)}")  # fmt: skip
    print(f"length of the gradient {found['grad_norm']:.6f}")
    updates = "update" if options.steps == 1 else "updates"
    print(f"loss after {options.steps} {updates} by {options.optimizer}: "
          f"{found['loss_after'][-1]:.6f}")  # fmt: skip
    print('any number of it, explained: handcalc explain "W_Q.0[3][1].grad"')
