"""What a resumed run keeps: its settings, and the folder that nobody writes over."""

import dataclasses
import shlex
from pathlib import Path
from typing import Any, TypeVar

from gpt.errors import BadInput
from gpt.runs.folder import RunFolder

CHANGEABLE_SETTINGS = ("loop", "device", "shard", "json", "overwrite")
Config = TypeVar("Config", bound=Any)


def read_saved_config(config: type[Config], folder: Path, command: str) -> Config:
    """The settings that the run in a folder was started with, set to resume it.

    Raises:
        BadInput: there is no run, or it was made by another command.
    """
    saved = RunFolder(folder).read_config()
    if saved["kind"] != command:
        raise BadInput(f"{str(folder)!r} was made by {saved['kind']}; {command} cannot resume it")
    given = saved["command"]
    try:
        paths = {"runs": Path(given["runs"]), "resume": folder}
        parts = {  # configs within the config
            field.name: type(field.default)(**given[field.name])
            for field in dataclasses.fields(config)
            if dataclasses.is_dataclass(field.default)
        }
        return config(**{**given, **paths, **parts})
    except (TypeError, KeyError) as error:
        raise BadInput(
            f"{str(folder / 'config.json')!r} is not the config of such a training"
        ) from error


def refuse_changes(saved: Any, asked: Any) -> None:
    """A resumed run keeps its settings; only where it runs and how it reports may be new.

    Raises:
        BadInput: a setting was asked for that differs from the run's.
    """
    for ours, theirs in ((saved, asked), (saved.loop, asked.loop)):
        for field in dataclasses.fields(ours):
            old, new = getattr(ours, field.name), getattr(theirs, field.name)
            if old != new and field.name not in CHANGEABLE_SETTINGS:
                raise BadInput(
                    f"this run has {field.name} {old}, not {new}; leave the option out to go on "
                    "with it, or start another run with --name"
                )


def refuse_existing_run(folder: RunFolder, overwrite: bool) -> None:
    """Do not write over a run, unless asked to."""
    if folder.config.is_file() and not overwrite:
        path = shlex.quote(str(folder.path))
        raise BadInput(
            f"{str(folder.path)!r} already holds a run; go on with it by --resume {path}, "
            "replace it by --overwrite, or choose another --name"
        )
