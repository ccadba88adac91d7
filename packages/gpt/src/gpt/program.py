"""A command line: parse, call, turn every known failure into one sentence and a status.

0 done, 1 the work failed, 2 the input cannot be used, 130 interrupted. A program has verbs: `train`
of the program `gpt` is the function `run` of the module `gpt.commands.train`, and takes a
`TrainConfig`. A script has none, and is one function.
"""

import contextlib
import io
import os
import re
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from gpt.errors import BadInput, ProcessLost, RunFailed
from gpt.files import DISK_FULL
from gpt.runs.interrupt import RecordingInterruptHandler

REPORT_DELAY_S = 10  # seconds


@dataclass(frozen=True)
class Command(ABC):
    """What a program and a script have in common."""

    name: str
    """What its messages begin with."""

    def main(self, arguments: list[str] | None = None) -> int:
        """Run a command line and return its exit status."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal may not know every character
        before = signal.signal(signal.SIGINT, RecordingInterruptHandler())
        try:
            status = self.call(sys.argv[1:] if arguments is None else arguments)
            sys.stdout.flush()  # so that a reader who has gone is noticed here
            return status
        except BadInput as error:
            return self.fail(str(error), 2)
        except ProcessLost as error:
            return self.say(str(error), 1)
        except RunFailed as error:
            return self.fail(str(error), 1)
        except BrokenPipeError:  # whoever read our output has seen enough: gpt sample | head -1
            drop_output()
            return 0
        except OSError as error:
            return self.failed_system_call(error)
        except KeyboardInterrupt:
            return self.interrupted()
        finally:
            signal.signal(signal.SIGINT, before)

    @abstractmethod
    def call(self, arguments: list[str]) -> int:
        """Do what the options say."""

    def parse(self, config: type, prog: str, options: list[str], default: Any = None) -> Any:
        """The options as a config; what is not given is as in `default`, if there is one.

        Raises:
            BadInput: tyro's own message, without its box.
        """
        import tyro

        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                return tyro.cli(config, prog=prog, args=options, default=default)
        except SystemExit as stop:
            if not stop.code:
                raise  # --help
            message = re.split("─{9,}│|│ ─{9,}", said.getvalue().split("╮", 1)[-1])[0]
            words = " ".join(re.sub("[│╰╯─]", " ", message).split())
            words = re.sub(r"^Error parsing [^-:][^:]*: ", "", words)
            raise BadInput(f"{words.rstrip('.')} (see: {prog} --help)") from stop

    def fail(self, message: str, status: int) -> int:
        """Say what is wrong, once: processes of one run mostly fail for the same reason.

        When the first has said it, torchrun ends the others; only if it has not do they speak too.
        """
        if not is_rank_zero():
            time.sleep(REPORT_DELAY_S)
        return self.say(message, status)

    def failed_system_call(self, error: OSError) -> int:
        """Name the file and what the system says of it; our own writes always know their file."""
        if error.errno not in DISK_FULL:
            where = f"{error.filename}: " if error.filename else ""
            return self.fail(f"{where}{error.strerror or error}", 2)
        if error.filename is None:
            drop_output()
            return self.fail(
                f"standard output: {error.strerror}; what was printed is not complete, and files "
                "that were written are",
                1,
            )
        return self.fail(f"{error.filename}: {error.strerror}; free some space and start again", 1)

    def interrupted(self) -> int:
        """Ctrl-C reaches all processes of a run."""
        return self.say("interrupted", 130) if is_rank_zero() else 130

    def say(self, message: str, status: int) -> int:
        """One line on stderr, if it can be written."""
        with contextlib.suppress(OSError):
            print(f"{self.name}: {message}", file=sys.stderr)
        return status


@dataclass(frozen=True)
class Program(Command):
    """The command of a package, which has its name."""

    commands: dict[str, str]
    """What each verb does."""
    parallel: tuple[str, ...] = ("train",)
    """The verbs that torchrun may start several times."""

    def call(self, arguments: list[str]) -> int:
        """Hand the parsed options to the command."""
        verb, *options = arguments or ["--help"]
        if verb in ("-h", "--help"):
            width = 2 + max(map(len, self.commands))
            print(f"usage: {self.name} COMMAND [OPTIONS]   ", end="")
            print(f"({self.name} COMMAND --help explains every option)\n")
            print("\n".join(f"  {name:{width}}{what}" for name, what in self.commands.items()))
            return 0
        if verb not in self.commands:
            known = ", ".join(self.commands)
            raise BadInput(f"there is no command {verb!r}; there are {known}")
        if verb not in self.parallel and os.environ.get("WORLD_SIZE", "1") != "1":
            raise BadInput(
                f"torchrun is for {self.name} {', '.join(self.parallel)}; "
                f"{self.name} {verb} is one process: start it without"
            )
        module = self.import_quietly(f"{self.name}.commands.{verb}")
        kind, prog = getattr(module, f"{verb.capitalize()}Config"), f"{self.name} {verb}"
        config = self.parse(kind, prog, options)
        if hasattr(config, "defaults"):  # those of a resumed run, or of a recipe
            config = self.parse(kind, prog, options, config.defaults())
        return module.run(config)

    def import_quietly(self, name: str) -> ModuleType:
        """Import a module; Ctrl-C meanwhile ends the program at once.

        The imports below torch are in C, which does not pass an exception on as Python would.
        """
        before = signal.signal(signal.SIGINT, lambda *_: os._exit(self.interrupted()))
        try:
            return import_module(name)
        finally:
            signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Script(Command):
    """A file that is run by itself."""

    config: type
    """Its options."""
    run: Callable[[Any], int]
    """Takes them and returns the exit status."""

    def call(self, arguments: list[str]) -> int:
        """Hand the parsed options to the function."""
        return self.run(self.parse(self.config, self.name, arguments))


def drop_output() -> None:
    """Let what is still to be printed go nowhere, so that the end of Python does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_rank_zero() -> bool:
    """Whether this is the first process of a run, or the only one."""
    return os.environ.get("RANK", "0") == "0"
