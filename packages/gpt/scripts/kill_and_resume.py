"""Kill a training at random moments, resume it, and compare its weights with a run left alone.

    uv run python packages/gpt/scripts/kill_and_resume.py

One minute on two CPU cores; ends with "20 kills, 1 finished runs: every weight identical to the
bit" (Linux, Python 3.11, torch 2.15).

SIGKILL cannot be caught, so whatever the disk holds at that moment is all there is. The kills fall
anywhere: while the text is read, in a step, in the middle of writing a checkpoint. Needs a system
with `fork` (Linux, macOS): torch is imported once, and every start is a fork of that process.
"""

import dataclasses
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tyro

from gpt.commands.train import run
from gpt.pretraining import TrainConfig
from gpt.runs.checkpoints import newest_checkpoint
from gpt.training.loop import LoopConfig


@dataclass(frozen=True)
class Config:
    """How hard to try."""

    kills: int = 20
    """SIGKILLs that must hit a running training."""
    steps: int = 150
    """Length of the run."""
    seed: int = 0
    """Decides the moments."""


def started(work: Callable[[], int]) -> int:
    """Run `work` in a fork with its output closed, and return the process id."""
    process = os.fork()
    if process == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os._exit(work())
    return process


def killed_after(process: int, seconds: float) -> bool:
    """Kill the process after some seconds; False where it had already finished, with status 0."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            assert status == 0, f"the training failed with wait status {status}"
            return False
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return True


def same_end(one: Path, other: Path) -> bool:
    """Whether two runs ended in the same step with the same bits in every tensor."""
    first, second = (newest_checkpoint(folder / "checkpoints") for folder in (one, other))
    assert first is not None and second is not None
    a, b = first[0], second[0]
    return a.values == b.values and all(
        tensor.equal(b.tensors[name]) for name, tensor in a.tensors.items()
    )


def main(config: Config) -> None:
    """Time one run left alone, then kill others until enough kills have hit."""
    moments, folder = random.Random(config.seed), Path(tempfile.mkdtemp())
    text = folder / "text.txt"
    text.write_text("".join(f"{n} squared is {n * n}, and that is all. " for n in range(3000)))
    loop = LoopConfig(steps=config.steps, save_every=3)
    whole = TrainConfig(
        loop, data=str(text), preset="nano", dropout=0.1, runs=folder, name="whole", device="cpu"
    )
    cut = dataclasses.replace(whole, name="cut")
    begin = time.monotonic()
    assert not killed_after(started(lambda: run(whole)), float("inf"))
    duration = time.monotonic() - begin
    kills, finished, path = 0, 0, folder / "cut"
    while kills < config.kills or not finished:
        asked = TrainConfig.saved(path) if (path / "config.json").exists() else cut
        wait = moments.uniform(0, duration / 4) if kills < config.kills else float("inf")
        if killed_after(started(lambda asked=asked: run(asked)), wait):
            kills += 1
        else:
            finished += 1
            assert same_end(folder / "whole", path), "the resumed run ended in other weights"
            if kills < config.kills:
                shutil.rmtree(path)
    shutil.rmtree(folder)
    print(f"{kills} kills, {finished} finished runs: every weight identical to the bit")


if __name__ == "__main__":
    main(tyro.cli(Config))
