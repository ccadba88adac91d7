"""Kill a training run at random moments, resume it, and compare it with an uninterrupted run.

    uv run python packages/gpt/scripts/kill_and_resume.py

Takes one minute on two CPU cores, and ends with "20 kills, 1 finished runs: every weight identical
to the bit" (Linux, Python 3.11, torch 2.15).

SIGKILL cannot be caught, so a resumed run has only what was on disk at that moment. The kills occur
anywhere: while the text is read, within a step, in the middle of writing a checkpoint. The script
needs a system with `fork` (Linux, macOS): torch is imported once, and every start forks that
process.
"""

import dataclasses
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gpt.commands.train import run
from gpt.errors import BadInput
from gpt.pretraining import TrainConfig
from gpt.program import Script
from gpt.runs.checkpoints import newest_checkpoint
from gpt.training.loop import LoopConfig


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    kills: int = 20
    """Number of kills that must hit a running process."""
    steps: int = 150
    """Training steps of the run."""
    seed: int = 0
    """Seed of the random moments."""

    def __post_init__(self) -> None:
        """Refuse an experiment without a run or without a kill."""
        for name in ("kills", "steps"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def start_fork(work: Callable[[], int]) -> int:
    """Run `work` in a fork without output, and return the process id."""
    process = os.fork()
    if process == 0:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        os._exit(work())
    return process


def kill_after(process: int, seconds: float) -> bool:
    """Kill a process after some seconds; return False if it had already finished."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            assert status == 0, f"the training run failed with wait status {status}"
            return False
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return True


def have_same_state(one: Path, other: Path) -> bool:
    """Whether two runs ended at the same step with the same bits in every tensor."""
    first, second = (newest_checkpoint(folder / "checkpoints") for folder in (one, other))
    assert first is not None and second is not None
    a, b = first[0], second[0]
    return a.values == b.values and all(
        tensor.equal(b.tensors[name]) for name, tensor in a.tensors.items()
    )


def main(config: Config) -> int:
    """Time an uninterrupted run, then kill and resume other runs until enough kills have hit."""
    moments, folder = random.Random(config.seed), Path(tempfile.mkdtemp())
    text = folder / "text.txt"
    text.write_text("".join(f"{n} squared is {n * n}, and that is all. " for n in range(3000)))
    loop = LoopConfig(steps=config.steps, save_every=3)
    uninterrupted = TrainConfig(
        loop,
        data=str(text),
        preset="nano",
        dropout=0.1,
        runs=folder,
        name="uninterrupted",
        device="cpu",
    )
    killed = dataclasses.replace(uninterrupted, name="killed")
    started = time.monotonic()
    assert not kill_after(start_fork(lambda: run(uninterrupted)), float("inf"))
    duration = time.monotonic() - started
    kills, finished, path = 0, 0, folder / "killed"
    while kills < config.kills or not finished:
        resumed = TrainConfig.saved(path) if (path / "config.json").exists() else killed
        wait = moments.uniform(0, duration / 4) if kills < config.kills else float("inf")
        if kill_after(start_fork(lambda config=resumed: run(config)), wait):
            kills += 1
        else:
            finished += 1
            assert have_same_state(folder / "uninterrupted", path), (
                "the resumed run ended in other weights"
            )
            if kills < config.kills:
                shutil.rmtree(path)
    shutil.rmtree(folder)
    print(f"{kills} kills, {finished} finished runs: every weight identical to the bit")
    return 0


if __name__ == "__main__":
    sys.exit(Script("kill_and_resume", Config, main).main())
