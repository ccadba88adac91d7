"""The command `gpt`: parse, call, and turn every known failure into one sentence and a status.

0 done, 1 the work failed, 2 the input cannot be used, 130 interrupted.
"""

import contextlib
import errno
import io
import os
import re
import signal
import sys
import time
from importlib import import_module
from types import ModuleType
from typing import Any

from gpt.errors import BadInput, ProcessLost, RunFailed

COMMANDS = {
    "train": "train a GPT on a text; with no options, on this Python's documentation",
    "sample": "let a trained model write, or a chat model answer",
    "eval": "score a model beside n-gram models of the same text",
    "export": "write a model in the layout of transformers",
    "compare": "ours beside the libraries: equal, and how fast",
    "demo": "all of it, from text to text, in under two minutes",
}
PATIENCE = 10  # seconds
DISK_FULL = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")}


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may not know every character
    try:
        return call(sys.argv[1:] if arguments is None else arguments)
    except BadInput as error:
        return fail(str(error), 2)
    except ProcessLost as error:
        return say(str(error), 1)
    except RunFailed as error:
        return fail(str(error), 1)
    except BrokenPipeError:  # whoever read our output has seen enough: gpt sample | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return fail(f"{where}{error.strerror or error}", 1 if error.errno in DISK_FULL else 2)
    except KeyboardInterrupt:
        return interrupted()


def fail(message: str, status: int) -> int:
    """Say what is wrong, once: processes of one run mostly fail for the same reason.

    When the first has said it, torchrun ends the others; only if it has not do they speak too.
    """
    if not first():
        time.sleep(PATIENCE)
    return say(message, status)


def interrupted() -> int:
    """Ctrl-C reaches all processes of a run."""
    return say("interrupted", 130) if first() else 130


def first() -> bool:
    """Whether this is the first process of a run, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def say(message: str, status: int) -> int:
    """One line on stderr."""
    print(f"gpt: {message}", file=sys.stderr)
    return status


def call(arguments: list[str]) -> int:
    """Hand the parsed options to the command."""
    verb, *options = arguments or ["--help"]
    if verb in ("-h", "--help"):
        print("usage: gpt COMMAND [OPTIONS]   (gpt COMMAND --help explains every option)\n")
        print("\n".join(f"  {name:8}{what}" for name, what in COMMANDS.items()))
        return 0
    if verb not in COMMANDS:
        raise BadInput(f"there is no command {verb!r}; there are {', '.join(COMMANDS)}")
    if verb != "train" and os.environ.get("WORLD_SIZE", "1") != "1":
        raise BadInput(f"torchrun is for gpt train; gpt {verb} is one process: start it without")
    module = import_quietly(f"gpt.commands.{verb}")
    config = parse(getattr(module, f"{verb.capitalize()}Config"), verb, options)
    if verb == "train":  # the settings of a resumed run, or of a recipe, are the defaults
        config = parse(type(config), verb, options, config.defaults())
    status = module.run(config)
    sys.stdout.flush()  # so that a reader who has gone is noticed here
    return status


def import_quietly(name: str) -> ModuleType:
    """Import a module; Ctrl-C meanwhile ends the program at once.

    The imports below torch are in C, which does not pass an exception on as Python would.
    """
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(interrupted()))
    try:
        return import_module(name)
    finally:
        signal.signal(signal.SIGINT, before)


def parse(config: type, verb: str, options: list[str], default: Any = None) -> Any:
    """The options as a config; what is not given is as in `default`, if there is one.

    Raises:
        BadInput: tyro's own message, without its box.
    """
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(config, prog=f"gpt {verb}", args=options, default=default)
    except SystemExit as stop:
        if not stop.code:
            raise  # --help
        message = re.split("─{9,}│|│ ─{9,}", said.getvalue().split("╮", 1)[-1])[0]
        words = " ".join(re.sub("[│╰╯─]", " ", message).split())
        words = re.sub(r"^Error parsing [^-:][^:]*: ", "", words)
        raise BadInput(f"{words.rstrip('.')} (see: gpt {verb} --help)") from stop
