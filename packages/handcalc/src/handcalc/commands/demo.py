"""`handcalc demo`: a step taken apart, checked, learned by heart, and then done on words."""

import argparse
import json
import math
from typing import Any

from handcalc.commands.explain import print_explanation
from handcalc.commands.progress import Progress
from handcalc.commands.tables import bar
from handcalc.commands.train import report
from handcalc.explaining.explain import Explainer
from handcalc.gradients.check import TARGETS, TOKENS, apart, engine_step
from handcalc.model.calculation import Calculation
from handcalc.model.weights import Shape, drawn, numbers
from handcalc.operations.vocabulary import WORDS
from handcalc.training.training import State, TrainConfig, after, beginning, train, whole_step
from handcalc.training.words import identifiers, words_of

BLOCK, SEED = "pre-ln", 42
SHOWN = (0, 1, 2, 5, 10, 20, 50, 100)
CHAIN = ("loss", "losses[0]", "logits[0][3]", "N.2[0][0]")


def add_options(parser: argparse.ArgumentParser) -> None:
    """How long the last part goes on."""
    parser.add_argument("--steps", type=int, default=500, help="of the training on words")


def run(options: argparse.Namespace) -> int:
    """Calculate all parts; print them, or what they came to."""
    config = TrainConfig(steps=options.steps)
    losses, first, last = by_heart()
    error = engine_error(first)
    if not options.json:
        print_step(first, error)
        print_memorising(losses, last)
    words = on_words(config)
    if options.json:
        print(json.dumps({"losses": losses, "engine_error": error, "words": words}))
    else:
        print_words(words, config)
    return 0


def by_heart() -> tuple[list[float], Calculation, Calculation]:
    """A hundred steps on one sentence: the losses, the first step and the last."""
    state = State(0, drawn(Shape(), BLOCK, SEED), {})
    losses: list[float] = []
    steps: list[Calculation] = []
    for _ in range(SHOWN[-1] + 1):
        c = whole_step(state, TOKENS, TARGETS, BLOCK)
        state = after(state, c)
        losses.append(c.values["loss"])
        steps = [*steps[:1], c]
    return losses, steps[0], steps[-1]


def engine_error(c: Calculation) -> float:
    """The largest difference between the formulas' gradients and those of the autograd engine."""
    weights = {name: c.values[name] for name in c.weights}
    gradients = engine_step(weights, TOKENS, TARGETS, BLOCK)[1]
    return max(apart(c.values[f"{name}.grad"], gradients[name]) for name in weights)


def print_step(c: Calculation, error: float) -> None:
    """What the first step looks like from inside."""
    n = sum(len(numbers(c.values[name])) for name in c.weights)
    print(f'"I like transformers": {n:,} drawn weights, and no idea yet of what comes next.\n')
    print("How much each position takes from those before it, in the first head:")
    for t, row in enumerate(c.values["A.0"]):
        shares = "  ".join(f"{share:.3f}" for share in row[: t + 1])
        print(f"  {WORDS[TOKENS[t]]:13}{shares}")
    print("\nAny number can be asked where it comes from, down to the draws:\n")
    explain = Explainer(c)
    for name in CHAIN:
        print_explanation(explain(name), SEED)
        print()
    print(f"All {n:,} gradients by formula, beside an autograd engine: largest difference "
          f"{error:.1e}.\n")  # fmt: skip


def print_memorising(losses: list[float], last: Calculation) -> None:
    """The loss as it falls, and what the model expects in the end."""
    print("The same step a hundred times, by AdamW. Loss, in nats:")
    for step in SHOWN:
        print(f"  {step:3}  {losses[step]:.6f}  {bar(losses[step] / losses[0], 40)}")
    print("\nWhat it then gives the word that comes:")
    for t, target in enumerate(TARGETS):
        share = last.values["probabilities"][t][target]
        print(f"  after {WORDS[TOKENS[t]]:13}{WORDS[target]:13}{share:6.1%}  {bar(share, 40)}")


def on_words(config: TrainConfig) -> dict[str, Any]:
    """The same code on the names in this Python's library."""
    words = words_of(identifiers(), config.seed)
    words = words._replace(held_out=words.held_out[:200])
    state, progress = beginning(config, words), Progress(config.steps, spent=0.0)
    for record in train(config, words, state):
        state = record.state
        progress.show(record)
    progress.end()
    return report(config, words, state) | {"guessing": math.log(len(words.characters) + 1)}


def print_words(words: dict[str, Any], config: TrainConfig) -> None:
    """How good it is, and what it invents."""
    print(
        f"\nThe same code, {config.steps} steps on names out of Python's own library, one a step."
    )
    print("Nats a character, on 200 names that it has not seen:")
    print(f"  {words['guessing']:.3f}  guessing")
    print(f"  {words['unigram_entropy']:.3f}  knowing how often each character comes, in all names")
    print(f"  {words['held_out_loss']:.3f}  this model")
    print("Names it invents:\n  " + " ".join(word or "-" for word in words["samples"]))
