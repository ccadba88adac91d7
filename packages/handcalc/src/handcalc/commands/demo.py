"""`handcalc demo`: one step explained, a sentence memorised, and a training on words."""

import argparse
import json
import math
from typing import Any

from handcalc.calculation import Calculation, flatten
from handcalc.commands.progress import show_progress
from handcalc.explaining.explain import Explainer
from handcalc.explaining.text import explanation_text
from handcalc.gradients.check import TARGETS, TOKENS, autograd_step, max_difference
from handcalc.layers.embedding import WORDS
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.evaluation import evaluate
from handcalc.training.optimizers import State, training_step
from handcalc.training.training import TrainConfig, initial_state, train
from handcalc.training.words import library_names, split_words

BLOCK, DEMO_SEED = "pre-ln", 42
PRINTED_STEPS = (0, 1, 2, 5, 10, 20, 50, 100)
CHAIN = ("loss", "losses[0]", "logits[0][3]", "N.2[0][0]")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the length of the last part."""
    parser.add_argument(
        "--steps", type=int, default=500,
        help="steps of the training on words (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Calculate and print each part in turn."""
    config = TrainConfig(steps=options.steps)
    losses, first, last = memorise()
    weights = {name: first.values[name] for name in first.weights}
    _, gradients = autograd_step(weights, TOKENS, TARGETS, BLOCK)
    error = max(max_difference(first.values[f"{name}.grad"], gradients[name]) for name in weights)
    if not options.json:
        print_first_step(first, error)
        print_memorising(losses, last)
    report = train_on_names(config)
    if options.json:
        print(json.dumps({"losses": losses, "engine_error": error, "words": report}))
    else:
        print_names(report, config)
    return 0


def memorise() -> tuple[list[float], Calculation, Calculation]:
    """Take a hundred steps on one sentence; return the losses, the first step and the last."""
    state = State(0, initial_weights(Shape(), BLOCK, DEMO_SEED), {})
    losses: list[float] = []
    steps: list[Calculation] = []
    for _ in range(PRINTED_STEPS[-1] + 1):
        c, state = training_step(state, TOKENS, TARGETS, BLOCK)
        losses.append(c.values["loss"])
        steps = [*steps[:1], c]
    return losses, steps[0], steps[-1]


def print_first_step(c: Calculation, error: float) -> None:
    """Print attention weights, the explanations of a chain of numbers, and the gradients' error."""
    n = sum(len(flatten(c.values[name])) for name in c.weights)
    print(f'"I like transformers": {n:,} random weights that predict nothing yet.\n')
    print("Attention weights of the first head, of each position on itself and those before it:")
    for t, row in enumerate(c.values["A.0"]):
        weights = "  ".join(f"{weight:.3f}" for weight in row[: t + 1])
        print(f"  {WORDS[TOKENS[t]]:13}{weights}")
    print("\nEvery number can be explained, down to the random draws:\n")
    explain = Explainer(c)
    for name in CHAIN:
        print(explanation_text(explain(name), DEMO_SEED) + "\n")
    print(f"All {n:,} gradients by formula, compared with an autograd engine: largest difference "
          f"{error:.1e}.\n")  # fmt: skip


def print_memorising(losses: list[float], last: Calculation) -> None:
    """Print the loss during training, and the final probability of each correct word."""
    print("The same step a hundred times, with AdamW. Loss in nats:")
    for step in PRINTED_STEPS:
        print(f"  {step:3}  {losses[step]:.6f}  {'#' * round(40 * losses[step] / losses[0])}")
    print("\nAfterwards, the probability of the correct next word:")
    for t, target in enumerate(TARGETS):
        p = last.values["probabilities"][t][target]
        print(f"  after {WORDS[TOKENS[t]]:13}{WORDS[target]:13}{p:6.1%}  {'#' * round(40 * p)}")


def train_on_names(config: TrainConfig) -> dict[str, Any]:
    """Train the same code on the names in this Python's standard library."""
    words = split_words(library_names(), config.seed)
    words = words._replace(held_out=words.held_out[:200])
    state = initial_state(config, words)
    for record in show_progress(train(config, words, state), config.steps):
        state = record.state
    return evaluate(config, words, state) | {"guessing": math.log(len(words.characters) + 1)}


def print_names(report: dict[str, Any], config: TrainConfig) -> None:
    """Print the losses of the model and of guessing, and the names that it generates."""
    samples = " ".join(word or "-" for word in report["samples"])
    print(
        f"\nThe same code, {config.steps} steps on names from Python's own library, one per step.\n"
        "Loss in nats per character, on 200 held-out names:\n"
        f"  {report['guessing']:.3f}  guessing\n"
        f"  {report['unigram_entropy']:.3f}  counting single characters, in all names\n"
        f"  {report['held_out_loss']:.3f}  this model\n"
        f"Names it generates:\n  {samples}"
    )
