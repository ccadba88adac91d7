"""The command `handcalc`: parse the options, run the command, turn failures into one sentence.

Exit status: 0 done, 1 a check failed, 2 the input cannot be used, 130 interrupted.
"""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

from handcalc.layers.embedding import WORDS, encode
from handcalc.model.transformer import BLOCK_HELP, BLOCKS
from handcalc.model.weights import Shape
from handcalc.training.optimizers import OPTIMIZERS

COMMANDS = {
    "step": "print every number of one training step",
    "explain": "print how a number of the step was calculated: its formula, and the numbers in it",
    "train": "train the model of `step` on a file of words, and let it generate new words",
    "check": "check every gradient against finite differences, our autograd engine and PyTorch",
    "compare": "compare results and speed with PyTorch and with our autograd engine",
    "demo": "show every command at work, in half a minute",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: handcalc train 2>&-
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")  # a terminal may not know every character
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = parser(arguments).parse_args(arguments)
        status = import_module(f"handcalc.commands.{options.command}").run(options)
        sys.stdout.flush()  # so that a closed pipe is noticed here
        return status
    except SystemExit as stop:
        if not stop.code:
            raise  # --help
        return 2
    except BrokenPipeError:  # handcalc step | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message, status = f"{where}{error.strerror or error}", 2
    except ValueError as error:
        message, status = str(error), 2
    except MemoryError:
        message, status = "there is not enough memory for a model of this size", 2
    except KeyboardInterrupt:
        message, status = "interrupted", 130
    print(f"handcalc: {message}", file=sys.stderr)
    return status


def parser(arguments: list[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of the one that was typed."""
    main_parser = argparse.ArgumentParser(
        prog="handcalc", description="A training step of a transformer, calculated by hand."
    )
    commands = main_parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for name, description in COMMANDS.items():
        details = f"{description[0].upper()}{description[1:]}."
        command = commands.add_parser(name, help=description, description=details)
        command.add_argument(
            "--json", action="store_true", help="print one JSON document instead of text"
        )
        if name in ("step", "explain"):
            add_sentence_options(command)
        if name in arguments:
            module = import_module(f"handcalc.commands.{name}")
            if hasattr(module, "add_options"):
                module.add_options(command)
    return main_parser


def add_sentence_options(command: argparse.ArgumentParser) -> None:
    """Add the options that `step` and `explain` share."""
    command.add_argument(
        "--text", type=sentence, default="I like transformers", metavar="WORDS",
        help=f"sentence to learn, made of the words {', '.join(WORDS[3:])} (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--optimizer", choices=OPTIMIZERS, default="adamw",
        help="rule that updates the weights; adamw is what GPTs use (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--block", choices=BLOCKS, default="pre-ln",
        help=f"{BLOCK_HELP} (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--seed", type=int, default=42, help="seed of the initial weights (default: %(default)s)"
    )


def sentence(text: str) -> list[int]:
    """Return the token ids of a text.

    Raises:
        ArgumentTypeError: a word is not in the vocabulary, or the text is empty or too long.
    """
    try:
        tokens = encode(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    n_words, longest = len(tokens) - 2, Shape().n_positions - 2
    if not 1 <= n_words <= longest:
        raise argparse.ArgumentTypeError(
            f"the text has {n_words} words, allowed are 1 to {longest}"
        )
    return tokens
