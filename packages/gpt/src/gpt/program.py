"""The command line: parse options, run the command, report each known failure as one message.

Exit statuses: 0 done, 1 the work failed, 2 the input cannot be used, 130 interrupted. A program has
commands: `gpt train` is the function `run` of the module `gpt.commands.train`, and its options are
the fields of the dataclass that `run` takes. A script has a single function.
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
from typing import Any, get_type_hints

from gpt.errors import BadInput, ProcessLost, RunFailed
from gpt.files import DISK_FULL
from gpt.runs.interrupt import RecordingInterruptHandler

REPORT_DELAY_S = 10
HELP = ("-h", "--help")
IS_RANK_ZERO = os.environ.get("RANK", "0") == "0"
"""Whether this is the first process of a run, or the only one."""


@dataclass(frozen=True)
class CommandLine(ABC):
    """A program or a script, which is called with a list of arguments."""

    name: str
    """Prefix of every message."""

    def main(self, arguments: list[str] | None = None) -> int:
        """Run a command line and return its exit status."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # some terminals cannot print every character
        before = signal.signal(signal.SIGINT, RecordingInterruptHandler())
        try:
            status = self.call(sys.argv[1:] if arguments is None else arguments)
            sys.stdout.flush()  # a closed pipe raises here, and not while Python exits
            return status
        except BadInput as error:
            return self.report_failure(str(error), 2)
        except ProcessLost as error:
            return self.report(str(error), 1)
        except RunFailed as error:
            return self.report_failure(str(error), 1)
        except BrokenPipeError:  # the pipe was closed, as by: gpt sample | head -1
            discard_output()
            return 0
        except OSError as error:
            return self.report_os_error(error)
        except KeyboardInterrupt:
            return self.report_interrupt()
        finally:
            signal.signal(signal.SIGINT, before)

    @abstractmethod
    def call(self, arguments: list[str]) -> int:
        """Parse the arguments, do the work, and return the exit status."""

    def parse(self, config: type, prog: str, options: list[str], default: Any = None) -> Any:
        """Parse options into a config; options that are not given are taken from `default`.

        Raises:
            BadInput: an option is unknown or its value cannot be used.
        """
        import tyro

        messages = io.StringIO()
        try:
            with contextlib.redirect_stderr(messages):
                markers = (tyro.conf.DisallowNone,)  # so that --help offers no None as a value
                return tyro.cli(config, prog=prog, args=options, default=default, config=markers)
        except SystemExit as stop:
            if not stop.code:
                raise  # --help
            raise BadInput(f"{message_in_box(messages.getvalue())} (see: {prog} --help)") from stop

    def report_failure(self, message: str, status: int) -> int:
        """Report an error once, although all processes of a run may fail for the same reason.

        Once rank 0 has reported the error, torchrun stops the other processes; they report it
        themselves only if rank 0 does not.
        """
        if not IS_RANK_ZERO:
            time.sleep(REPORT_DELAY_S)
        return self.report(message, status)

    def report_os_error(self, error: OSError) -> int:
        """Report the file and the system's message."""
        if error.errno not in DISK_FULL:
            where = f"{error.filename}: " if error.filename else ""
            return self.report_failure(f"{where}{error.strerror or error}", 2)
        if error.filename is None:  # our own writes always name their file
            discard_output()
            return self.report_failure(
                f"standard output: {error.strerror}; the printed text is incomplete, but all "
                "files are complete",
                1,
            )
        message = f"{error.filename}: {error.strerror}; free some space and start again"
        return self.report_failure(message, 1)

    def report_interrupt(self) -> int:
        """Report Ctrl-C, which all processes of a run receive, in the first process only."""
        return self.report("interrupted", 130) if IS_RANK_ZERO else 130

    def report(self, message: str, status: int) -> int:
        """Print one line on stderr, if possible, and return the exit status."""
        with contextlib.suppress(OSError):
            print(f"{self.name}: {message}", file=sys.stderr)
        return status


@dataclass(frozen=True)
class Program(CommandLine):
    """Program of a package, which has the package's name."""

    commands: dict[str, str]
    """Commands by name, each with one line of help."""
    distributed: tuple[str, ...] = ("train",)
    """Commands that torchrun may start in several processes."""

    def call(self, arguments: list[str]) -> int:
        """Parse the options of a command and run it."""
        command, *options = arguments or ["--help"]
        if command in HELP:
            width = 2 + max(map(len, self.commands))
            print(f"usage: {self.name} COMMAND [OPTIONS]   ", end="")
            print(f"({self.name} COMMAND --help explains every option)\n")
            print("\n".join(f"  {name:{width}}{what}" for name, what in self.commands.items()))
            return 0
        if command not in self.commands:
            known = ", ".join(self.commands)
            raise BadInput(f"there is no command {command!r}; the commands are {known}")
        if command not in self.distributed and os.environ.get("WORLD_SIZE", "1") != "1":
            raise BadInput(
                f"torchrun is for {self.name} {', '.join(self.distributed)}; start "
                f"{self.name} {command} without it, as a single process"
            )
        module = self.import_command(command)
        return module.run(self.parse_command(module, f"{self.name} {command}", options))

    def parse_command(self, module: ModuleType, prog: str, options: list[str]) -> Any:
        """Parse the options of a command.

        If its config has `with_defaults`, options are parsed twice, the second time with the
        defaults that follow from the first: those of a resumed run, or of a recipe.
        """
        config = get_type_hints(module.run)["config"]
        if not hasattr(config, "with_defaults"):
            return self.parse(config, prog, options)
        given = self.parse(config, prog, [each for each in options if each not in HELP])
        return self.parse(config, prog, options, given.with_defaults())

    def import_command(self, command: str) -> ModuleType:
        """Import the module of a command; Ctrl-C during the import ends the program at once.

        KeyboardInterrupt would not do: some libraries are imported from C code, which swallows it.
        """
        before = signal.signal(signal.SIGINT, lambda *_: os._exit(self.report_interrupt()))
        try:
            return import_module(f"{self.name}.commands.{command}")
        finally:
            signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Script(CommandLine):
    """Command line of a script with a single function."""

    config: type
    """Dataclass of its options."""
    run: Callable[[Any], int]
    """Takes the options and returns the exit status."""

    def call(self, arguments: list[str]) -> int:
        """Parse the options and run the function."""
        return self.run(self.parse(self.config, self.name, arguments))


def message_in_box(text: str) -> str:
    """Return the first error message of tyro: title, rule, message, rule, and what to read.

    The rules are lines, or the border of a box; terminals without such characters get hyphens.
    """
    message = re.split("[─-]{9,}", text)[1]
    words = " ".join(re.sub("[│╭╮]", " ", message).split())
    return re.sub(r"^Error parsing [^-:][^:]*: ", "", words).rstrip(".")


def discard_output() -> None:
    """Discard the output that is still buffered, so that Python's exit does not write it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
