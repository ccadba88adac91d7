"""Two processes under torchrun learn what one does."""

import os
import subprocess
import sys

import pytest

from gpt.runs.folder import RunFolder
from reasoning.cli import main

CALL = (
    "train --device cpu --d-model 16 --n-layers 1 --steps 3 --batch-size 7 --micro-batch-size 2 "
    "--n-evaluated 1 --name"
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
def test_one_process_and_two_learn_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "-m", "reasoning", *CALL.split(), "two"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no start model is written" in done.stderr  # both trained to the end, and were judged
    assert main([*CALL.split(), "one"]) == 1
    one, two = (RunFolder(tmp_path / "runs" / name).read_log() for name in ("one", "two"))
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        assert (a["loss"], a["grad_norm"]) == pytest.approx((b["loss"], b["grad_norm"]), abs=1e-5)


DISTILL = (
    "distill --device cpu --d-model 16 --n-layers 1 --student-steps 1 --steps 3 --batch-size 7 "
    "--micro-batch-size 2 --traces 20 --n-evaluated 1 --filter none --loss kl --json --name"
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
def test_a_student_learns_the_same_from_one_process_and_from_two(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]

    def in_two_processes():
        return subprocess.run(
            [*torchrun, "--nproc-per-node", "2", "-m", "reasoning", *DISTILL.split(), "two"],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "the student is not trained yet; run the command once" in in_two_processes().stderr
    assert main([*DISTILL.split(), "one"]) == 0  # leaves a student behind
    assert in_two_processes().returncode == 0
    one, two = (RunFolder(tmp_path / "runs" / name).read_log() for name in ("one", "two"))
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        assert (a["loss"], a["grad_norm"]) == pytest.approx((b["loss"], b["grad_norm"]), abs=1e-5)
