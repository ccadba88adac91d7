"""Two processes under torchrun learn what one does."""

import os
import subprocess
import sys

import pytest

from finetune.cli import main
from gpt.runs import RunFolder

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
COMMANDS = {
    "sft": "--data rows.json --steps 3 --batch-size 4",
    "dpo": "--data pairs.jsonl --steps 3 --batch-size 4 --rank 2",
    "ppo": "--reward rule --phases 2 --prompts 4 --room 6 --epochs 1 --minibatches 2",
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
@pytest.mark.parametrize("verb", COMMANDS)
def test_one_process_and_two_learn_the_same(verb, home, monkeypatch):
    monkeypatch.chdir(home)
    call = f"{verb} --device cpu --model runs/base {COMMANDS[verb]}".split()
    assert main([*call, "--name", f"one-{verb}"]) == 0
    two = [*TORCHRUN, "-m", "finetune", *call, "--name", f"two-{verb}"]
    done = subprocess.run(two, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours, theirs = (RunFolder(home / "runs" / f"{n}-{verb}").records() for n in ("one", "two"))
    assert len(ours) == len(theirs) > 1
    for a, b in zip(ours, theirs, strict=True):
        for name in a.keys() - {"elapsed"}:
            assert a[name] == pytest.approx(b[name], abs=1e-5), name
