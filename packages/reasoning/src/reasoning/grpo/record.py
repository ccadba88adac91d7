"""The record of a finished `reasoning grpo` run: settings, rates, gains and a smoothed curve.

A record is one small file, so those of several methods and seeds can be committed and compared
without the runs themselves; `recorded` reads them.
"""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from gpt.errors import BadInput
from gpt.runs.folder import RunFolder
from reasoning.grpo.evaluation import EVALUATION_FILE
from reasoning.grpo.options import RANDOM, GrpoConfig

CURVES = ("score", "entropy", "flat", "length", "stopped", "kl", "loss")
"""Measurements of a phase that are recorded, if the method makes them."""
OF_THE_FOLDER = ("runs", "name", "resume", "overwrite", "device", "json")
"""Options that change where and how a run is written, but none of its results."""
UNUSED = ("steps", "batch_size")
"""Inherited options that the command does not have: its sizes follow from phases and groups."""


def method_name(settings: dict[str, Any]) -> str:
    """Return the name of a run's method; GRPO with the random reward is a method of its own."""
    if settings["method"] == "grpo" and settings["reward"] == RANDOM:
        return RANDOM
    return str(settings["method"])


def record_run(path: Path, window: int = 10) -> dict[str, Any]:
    """Return the record of a finished run, with its curve as means over windows of phases.

    Raises:
        BadInput: there is no run of `reasoning grpo` in the folder, or it is not finished.
    """
    folder, quoted = RunFolder(path), repr(str(path))
    config = folder.read_config(GrpoConfig.command)
    if config["kind"] != GrpoConfig.command:
        raise BadInput(f"{quoted} was made by {config['kind']}, not {GrpoConfig.command}")
    settings, log = config["command"], folder.read_log()
    n_steps = settings["grpo"]["n_phases"]
    if settings["method"] == "continued-sft":  # it logs each update
        n_steps *= settings["grpo"]["n_epochs"] * settings["grpo"]["n_minibatches"]
    report, resume = path / EVALUATION_FILE, ["--resume", str(path)]
    call = shlex.join([*GrpoConfig.command.split(), *resume])
    if not log or log[-1]["step"] < n_steps or not report.is_file():
        raise BadInput(f"the run in {quoted} is not finished; finish it with: {call}")
    try:
        evaluation = json.loads(report.read_text(encoding="utf-8"))
        conditions = evaluation.pop("conditions")
        before, after = (evaluation["problems"][when]["score"] for when in ("before", "after"))
        if len(before) != len(after):
            raise ValueError(f"{len(before)} problems before and {len(after)} after")
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{str(report)!r} is incomplete; repeat it with: {call}") from error
    return {
        "method": method_name(settings),
        "seed": settings["loop"]["seed"],
        "command": command_of(settings),
        **conditions,
        "minutes": round(log[-1]["elapsed"] / 60, 1),
        "settings": flat_options(settings),
        **evaluation,
        "curve": smooth_curve(log, window),
    }


def command_of(settings: dict[str, Any]) -> str:
    """Return the command with those options of a run that are not the defaults."""
    given, default = flat_options(settings), flat_options(GrpoConfig().settings())
    words = GrpoConfig.command.split()
    for name, value in given.items():
        if value != default[name]:
            option = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{option}" if value else f"--no-{option}")
            else:
                words += [f"--{option}", str(value)]
    return shlex.join(words)


def flat_options(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the options by their names on the command line."""
    flat = settings | settings["loop"] | settings["grpo"]
    left_out = (*OF_THE_FOLDER, *UNUSED, "loop", "grpo")
    return {name: value for name, value in flat.items() if name not in left_out}


def smooth_curve(log: list[dict[str, Any]], window: int) -> dict[str, list[float]]:
    """Return the means of each measurement over windows of phases, and the middle of each window.

    Raises:
        BadInput: the window is empty.
    """
    if window < 1:
        raise BadInput(f"window must be at least 1, got {window}")
    windows = [log[begin : begin + window] for begin in range(0, len(log), window)]
    names = ["step", *(name for name in CURVES if name in log[0])]
    return {
        name: [round(float(np.mean([row[name] for row in rows])), 5) for rows in windows]
        for name in names
    }


def record_text(record: dict[str, Any]) -> str:
    """Return a record as text: one line per entry, numbers side by side."""
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in record.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
