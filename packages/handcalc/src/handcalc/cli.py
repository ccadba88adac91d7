"""The command `handcalc`: parse, calculate, print."""

import argparse
import json
import math
import os
import sys
from typing import Any

from handcalc.commands.tables import table
from handcalc.gradients.check import checks
from handcalc.model.blocks import BLOCKS
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn, numbers
from handcalc.operations.matrices import dot
from handcalc.operations.vocabulary import WORDS, encoded
from handcalc.training.optimizers import OPTIMIZERS, descend

FD_BOUND, ENGINE_BOUND = 1e-9, 1e-12
SENTENCE = "I like transformers"


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status: 0 done, 1 a check failed, 2 bad input."""
    parser = argparse.ArgumentParser(prog="handcalc", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    step = commands.add_parser("step", help="one training step, every number printed")
    step.add_argument("--text", default=SENTENCE, help=f"words of: {' '.join(WORDS[3:])}")
    step.add_argument("--optimizer", choices=OPTIMIZERS, default="adamw")
    step.add_argument("--steps", type=positive, default=1, help="updates of the weights")
    check = commands.add_parser("check", help="every gradient, found in two other ways")
    for each in (step, check):
        each.add_argument("--block", choices=BLOCKS, default="pre-ln")
        each.add_argument("--seed", type=int, default=42, help="of the first weights")
        each.add_argument("--json", action="store_true", help="one JSON document instead")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        if not stop.code:
            raise  # --help
        return 2
    try:
        status = {"step": run_step, "check": run_check}[options.command](options)
        sys.stdout.flush()  # so that a reader who has gone is noticed here
        return status
    except BrokenPipeError:  # whoever read our output has seen enough: handcalc step | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ValueError as error:
        print(f"handcalc: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("handcalc: interrupted", file=sys.stderr)
        return 130


def positive(text: str) -> int:
    """A count of at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def run_step(options: argparse.Namespace) -> int:
    """Forward, backward and as many updates as were asked for."""
    tokens = encoded(options.text)
    if len(tokens) > Shape().n_positions:
        raise ValueError(
            f"the text has {len(tokens) - 2} words; with BOS and EOS there is room for "
            f"{Shape().n_positions - 2}"
        )
    if len(tokens) == 2:
        raise ValueError("the text has no words")
    weights, targets = drawn(Shape(), options.block, options.seed), tokens[1:]
    c = forward(weights, tokens, targets, options.block)
    backward(c, options.block)
    gradients = {name: c.values[f"{name}.grad"] for name in weights}
    moved, memory, loss_after = dict(weights), {}, []
    latest = c
    for number in range(1, options.steps + 1):
        descend(moved, latest.values, memory, number, OPTIMIZERS[options.optimizer])
        latest = forward(moved, tokens, targets, options.block)
        backward(latest, options.block)
        loss_after.append(latest.values["loss"])
    every = [number for name in weights for number in numbers(gradients[name])]
    found = {
        "block": options.block,
        "loss": c.values["loss"],
        "losses": c.values["losses"],
        "perplexity": math.exp(c.values["loss"]),
        "grad_norm": math.sqrt(dot(every, every)),
        "parameters": len(every),
        "loss_after": loss_after,
    }
    if options.json:
        tensors = {name: value for name, value in c.values.items() if ".grad" not in name}
        found |= {"tensors": finite(tensors), "gradients": gradients}
        print(json.dumps(found, allow_nan=False))
        return 0
    words = [WORDS[token] for token in tokens]
    for name, tensor in weights.items():
        print(table(name, "a weight", tensor, []))
    for line in c.lines:
        made = f"{line.function.__name__}({', '.join(line.inputs)}): "
        formula = made + line.function.__doc__.splitlines()[0]
        for name in line.names:
            print(table(name, formula, c.values[name], words))
    print(f"block {options.block}, {found['parameters']:,} parameters")
    print(f"loss {found['loss']:.6f} nats, perplexity {found['perplexity']:.4f}; by guessing, "
          f"{math.log(len(WORDS)):.4f} and {len(WORDS)}")  # fmt: skip
    print(f"length of the gradient {found['grad_norm']:.6f}")
    print(f"loss after {options.steps} of {options.optimizer}: {loss_after[-1]:.6f}")
    return 0


def finite(value: Any) -> Any:
    """The same lists with null for what is infinite: scores of the future."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [finite(part) for part in value]
    return value if math.isfinite(value) else None


def run_check(options: argparse.Namespace) -> int:
    """A table of the largest errors; 1 if one is beyond its bound."""
    found = checks(options.block, options.seed)
    good = all(each.differences <= FD_BOUND and each.autograd <= ENGINE_BOUND for each in found)
    if options.json:
        print(json.dumps({"block": options.block, "ok": good,
                          "rows": [each._asdict() for each in found]}))  # fmt: skip
        return 0 if good else 1
    print(f"block {options.block}: largest error of the formulas, against")
    print(f"{'':10}{'numbers':>8}{'differences':>14}{'autograd':>12}")
    for each in found:
        print(f"{each.name:10}{each.n:8,}{each.differences:14.1e}{each.autograd:12.1e}")
    print(f"{'all within' if good else 'NOT all within'} {FD_BOUND} and {ENGINE_BOUND}")
    return 0 if good else 1
