"""Two processes under torchrun learn what one does."""

import os
import socket
import subprocess
import sys

import pytest

from finetune.cli import main
from gpt.runs.folder import RunFolder

COMMANDS = {
    "sft": "--data rows.json --steps 3 --batch-size 4",
    "reward": "--data pairs.jsonl --steps 3 --batch-size 4",
    "dpo": "--data pairs.jsonl --steps 3 --batch-size 4 --rank 2",
    "ppo": "--reward-model rule --n-phases 2 --prompts-per-phase 4 --max-new-tokens 6 "
    "--n-epochs 1 --n-minibatches 2",
}
# Starting is what takes long: every command in one start, each meeting at a port of its own.
# Questions about the modules of one folder do for ppo.
PROGRAM = """
import os, sys
from finetune.cli import main
from finetune.datasets import questions

whole, port = questions.library_questions, int(os.environ["FIRST_PORT"])
questions.library_questions = lambda library: whole(library / "email")
os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"
for number, call in enumerate(sys.argv[1:]):
    os.environ["MASTER_PORT"] = str(port + number)
    if status := main(call.split()):
        sys.exit(status)
"""


def first_free_port(n):
    """Return the first of `n` free ports below 32768, from where on systems give ports away."""
    for first in range(20_000 + os.getpid() % 1_000 * 10, 32_000, n):
        try:
            for port in range(first, first + n):
                with socket.socket() as taken:
                    taken.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("there are no free ports")


def call(verb, name):
    return f"{verb} --device cpu --model runs/base {COMMANDS[verb]} --name {name}-{verb}"


@pytest.fixture(scope="session")  # once, also where the file is shared out twice
def runs(home):
    """The folder of runs, with those of two processes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    program = ["--nproc-per-node", "2", "--no-python", sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        [*torchrun, *program, *(call(verb, "two") for verb in COMMANDS)],
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "FIRST_PORT": str(first_free_port(len(COMMANDS)))},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return home / "runs"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
@pytest.mark.parametrize("verb", COMMANDS)
def test_one_process_and_two_learn_the_same(verb, runs, few_questions, monkeypatch):
    monkeypatch.chdir(runs.parent)
    assert main(call(verb, "one").split()) == 0
    one, two = (RunFolder(runs / f"{name}-{verb}").read_log() for name in ("one", "two"))
    assert len(one) == len(two) > 1
    for a, b in zip(one, two, strict=True):
        for name in a.keys() - {"elapsed"}:
            assert a[name] == pytest.approx(b[name], abs=1e-5), name
    assert (runs / f"two-{verb}" / "adapter").exists() == (verb == "dpo")
