"""The command `handcalc`: parse, call, and turn every known failure into one sentence and a status.

0 done, 1 a check failed, 2 the input cannot be used, 130 interrupted.
"""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

COMMANDS = {
    "step": "one training step, every number printed",
    "explain": "any number of the step: its formula, its numbers, and where they come from",
    "train": "train the same code on a file of words, and let it invent new ones",
    "check": "every gradient, found in other ways",
    "compare": "ours beside PyTorch and beside our autograd engine: equal, and how fast",
    "demo": "all of it, in half a minute",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: handcalc train 2>&-
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")  # a terminal may not know every character
    try:
        options = parser().parse_args(arguments)
        status = import_module(f"handcalc.commands.{options.command}").run(options)
        sys.stdout.flush()  # so that a reader who has gone is noticed here
        return status
    except SystemExit as stop:
        if not stop.code:
            raise  # --help
        return 2
    except BrokenPipeError:  # whoever read our output has seen enough: handcalc step | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return fail(f"{where}{error.strerror or error}", 2)
    except ValueError as error:
        return fail(str(error), 2)
    except MemoryError:
        return fail("there is not enough memory for a model of this size", 2)
    except KeyboardInterrupt:
        return fail("interrupted", 130)


def fail(message: str, status: int) -> int:
    """Say what is wrong."""
    print(f"handcalc: {message}", file=sys.stderr)
    return status


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    whole = argparse.ArgumentParser(
        prog="handcalc", description="A training step of a transformer, calculated by hand."
    )
    commands = whole.add_subparsers(dest="command", required=True)
    for name, does in COMMANDS.items():
        command = commands.add_parser(name, help=does, description=does)
        command.add_argument("--json", action="store_true", help="one JSON document instead")
        import_module(f"handcalc.commands.{name}").add_options(command)
    return whole
