"""`handcalc step`: print every number of a training step."""

import argparse
import json
import math
from typing import Any

from handcalc.calculation import Calculation, dot, flatten, is_list, map_numbers
from handcalc.layers.embedding import WORDS
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.optimizers import OPTIMIZERS, State, training_step

MAX_COLUMNS = 8  # numbers printed per row; --json has all of them


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --steps, which `explain` does not have."""
    parser.add_argument(
        "--steps", type=positive, default=1,
        help="updates of the weights; the first step is printed in full, then the final loss "
        "(default: %(default)s)",
    )  # fmt: skip


def positive(text: str) -> int:
    """Return a count of at least 1.

    Raises:
        ArgumentTypeError: the count is smaller.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def run(options: argparse.Namespace) -> int:
    """Take one step and print it, then take the others and print the loss."""
    tokens, targets, optimizer = options.text, options.text[1:], OPTIMIZERS[options.optimizer]
    state = State(0, initial_weights(Shape(), options.block, options.seed), {})
    first, state = training_step(state, tokens, targets, options.block, optimizer)
    loss_after: list[float] = []
    for _ in range(options.steps):
        c, state = training_step(state, tokens, targets, options.block, optimizer)
        loss_after.append(c.values["loss"])
    gradients = {name: first.values[f"{name}.grad"] for name in first.weights}
    all_gradients = [number for tensor in gradients.values() for number in flatten(tensor)]
    summary = {
        "block": options.block,
        "loss": first.values["loss"],
        "losses": first.values["losses"],
        "perplexity": math.exp(first.values["loss"]),
        "grad_norm": math.sqrt(dot(all_gradients, all_gradients)),
        "parameters": len(all_gradients),
        "loss_after": loss_after,
    }
    if options.json:
        summary |= {"tensors": forward_tensors(first), "gradients": gradients}
        print(json.dumps(summary, allow_nan=False))
    else:
        print_tensors(first)
        print_summary(summary, options)
    return 0


def forward_tensors(c: Calculation) -> dict[str, Any]:
    """Return the weights and the results of the forward pass, with null for infinite scores."""
    names = [*c.weights, *(name for line in c.lines for name in line.names)]
    return {
        name: map_numbers(lambda x: x if math.isfinite(x) else None, c.values[name])
        for name in names[: names.index("loss") + 1]
    }


def print_tensors(c: Calculation) -> None:
    """Print a table for every tensor, from the weights to the gradients."""
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


def print_summary(summary: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the loss, the size of the gradient, and the loss after the updates."""
    updates = "update" if options.steps == 1 else "updates"
    print(
        f"\nblock {summary['block']}, {summary['parameters']:,} parameters\n"
        f"loss {summary['loss']:.6f} nats, perplexity {summary['perplexity']:.4f}; guessing "
        f"gives {math.log(len(WORDS)):.4f} and {len(WORDS)}\n"
        f"norm of the gradient {summary['grad_norm']:.6f}\n"
        f"loss after {options.steps} {updates} by {options.optimizer}: "
        f"{summary['loss_after'][-1]:.6f}\n"
        'explain any of these numbers with: handcalc explain "W_Q.0[3][1].grad"'
    )


def table(name: str, formula: str, value: Any, words: list[str]) -> str:
    """Return a heading with name, size and formula, and the rows; one row per word is labelled."""
    if not is_list(value):
        size, labels, rows = "", [""], [[value]]
    elif not is_list(value[0]):
        size, labels, rows = f" ({len(value)})", [""], [value]
    else:
        size, rows = f" ({len(value)} x {len(value[0])})", value
        labels = words if len(words) == len(rows) else [str(i) for i in range(len(rows))]
        width = max(map(len, labels))
        labels = [f"{label:{width}}  " for label in labels]
    lines = [f"\n{name}{size}    {formula}"]
    for label, row in zip(labels, rows, strict=True):
        # exponents where four decimals would lose the number
        shown = [f"{x:9.1e}" if x and abs(x) < 5e-4 else f"{x:9.4f}" for x in row[:MAX_COLUMNS]]
        dots = " ..." if len(row) > MAX_COLUMNS else ""
        lines.append(f"  {label}{' '.join(shown)}{dots}")
    return "\n".join(lines)
