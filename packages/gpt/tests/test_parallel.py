"""Two processes under torchrun, through the script that readers can run and through the command."""

import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from gpt.runs.checkpoints import checkpoint_files, newest_checkpoint
from gpt.training.loop import LoopConfig

SCRIPT = Path(__file__).parents[1] / "scripts" / "one_or_many.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
SECONDS = 240  # less than the timeout of the process group, so that a hang fails the test

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="posix: gloo under torchrun, SIGKILL"
)

# `gpt`, but process 1 is killed in the middle of the step that KILL names
DRIVER = """
import os, signal, sys
from gpt.cli import main
from gpt.runs import training_run as running

records_of = running.log_records

def logged(records, folder):
    for record in records_of(records, folder):
        if os.environ["RANK"] == "1" and record.step == int(os.environ.get("KILL", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        yield record

running.log_records = logged
sys.exit(main())
"""

# three steps of the script's run, without dropout; process 0 prints losses and gradient norms.
# A thread of gloo that outlives the process group can abort the process while Python shuts down.
SHORT = """
import json, os, runpy, sys
from pathlib import Path
import torch
from gpt.training.loop import LoopConfig
from gpt.runs.processes import process_group

run, device = runpy.run_path(sys.argv[1])["run"], torch.device("cpu")
with process_group(device):
    records = run(Path(sys.argv[2]), LoopConfig(3, 1e-2, save_every=3), device)
threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]  # [] but on Linux
assert not any("gloo" in name for name in threads), threads
if os.environ["RANK"] == "0":
    print(json.dumps([[record.loss, record.grad_norm] for record in records]))
"""

# fails while gloo is busy
FAILING = """
import sys
import torch
import torch.distributed as dist
from gpt.errors import BadInput
from gpt.runs.processes import process_group

try:
    with process_group(torch.device("cpu")):
        for _ in range(20_000):
            dist.all_reduce(torch.ones(3), async_op=True)
        raise BadInput
except BadInput:
    sys.exit(2)
"""


def torchrun(*command, **environment):
    return subprocess.run(
        [*TORCHRUN, *map(str, command)],
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def options(folder, name):
    text = folder / "text.txt"
    text.write_text(
        "\n\n".join(
            "".join(f"{n} squared is {n * n}. " for n in range(k, k + 20))
            for k in range(0, 2000, 20)
        )
    )
    sizes = ["--preset", "nano", "--steps", "12", "--save-every", "5", "--batch-size", "5"]
    where = ["--data", text, "--runs", folder, "--name", name, "--device", "cpu"]
    return [*sizes, *where, "--micro-batch-size", "2", "--dropout", "0.1"]


def steps(folder):
    return [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_processes_without_torchrun_take_the_same_steps_as_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", SHORT, SCRIPT, tmp_path / "pair"]
    started = [
        subprocess.Popen(
            command,
            env=ENVIRONMENT | group | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    alone = runpy.run_path(str(SCRIPT))["run"](
        tmp_path / "alone", LoopConfig(3, 1e-2, save_every=3), torch.device("cpu")
    )
    first, _ = (process.communicate(timeout=SECONDS)[0] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    for (loss, grad_norm), record in zip(json.loads(first), alone, strict=True):
        assert loss == pytest.approx(record.loss, abs=1e-5)
        assert grad_norm == pytest.approx(record.grad_norm, abs=1e-5)


@pytest.mark.slow
def test_one_process_and_two_give_the_same_losses_and_resume_exactly(tmp_path):
    done = torchrun(SCRIPT, "--folder", tmp_path / "runs")
    assert done.returncode == 0, done.stdout + done.stderr
    differences = dict(re.findall(r"^  (\w.*?) +(\S+e\S+)$", done.stdout, re.MULTILINE))
    for optimizer in ("adamw", "muon"):
        for way in ("replicated", "sharded"):
            assert float(differences[f"{optimizer}, {way}"]) <= 1e-5
    assert float(differences["muon, sharded and then one process"]) <= 1e-5
    assert done.stdout.count("identical to the bit") == 4
    found = newest_checkpoint(tmp_path / "runs" / "muon sharded stopped")
    assert found is not None
    assert not torch.equal(*found[0].tensors["random.cpu"])  # each process draws its own dropout


def test_the_script_says_how_to_start_it(run_script):
    status, _, err = run_script(SCRIPT)
    assert status == 2
    assert err == "one_or_many: start it with torchrun --nproc-per-node 2\n"


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_a_message(tmp_path):
    (tmp_path / "driver.py").write_text(DRIVER)
    done = torchrun(tmp_path / "driver.py", "train", *options(tmp_path, "cut"), KILL="7")
    assert done.returncode != 0
    again = f"torchrun --nproc-per-node 2 -m gpt train --resume {tmp_path / 'cut'}"
    assert (
        done.stderr.count(f"gpt: another process of this run was lost; resume with: {again}") == 1
    )
    assert steps(tmp_path / "cut")[:6] == [1, 2, 3, 4, 5, 6]  # each once: only process 0 writes
    assert [path.name for path in checkpoint_files(tmp_path / "cut" / "checkpoints")] == [
        "step-00000005.safetensors"
    ]


@pytest.mark.slow
def test_bad_input_is_reported_once_and_leaves_no_files(tmp_path):
    done = torchrun("-m", "gpt", "train", *options(tmp_path, "none"), "--batch-size", "1")
    assert done.returncode != 0
    assert done.stderr.count("gpt: a batch of 1 has too few rows for 2 processes") == 1
    assert "exitcode  : 2" in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_a_run_that_fails_keeps_its_exit_status_although_gloo_is_busy(tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    done = torchrun(tmp_path / "failing.py")
    assert "exitcode  : 2" in done.stderr and "SIGABRT" not in done.stderr, done.stderr


@pytest.mark.slow
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(tmp_path):
    (tmp_path / "driver.py").write_text(DRIVER)
    whole = torchrun("-m", "gpt", "train", *options(tmp_path, "whole"), "--shard")
    assert whole.returncode == 0, whole.stderr
    torchrun(tmp_path / "driver.py", "train", *options(tmp_path, "cut"), "--shard", KILL="7")
    rest = torchrun("-m", "gpt", "train", "--resume", tmp_path / "cut")
    assert rest.returncode == 0, rest.stderr
    one, other = (newest_checkpoint(tmp_path / name / "checkpoints") for name in ("whole", "cut"))
    assert one is not None and other is not None
    assert one[0].values == other[0].values
    assert len(one[0].tensors["random.cpu"]) == 2
    for name, tensor in one[0].tensors.items():
        assert tensor.equal(other[0].tensors[name]), name


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_resume(tmp_path):
    command = [*TORCHRUN, "-m", "gpt", "train", *map(str, options(tmp_path, "cut"))]
    with subprocess.Popen(
        [*command, "--steps", "100000"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not checkpoint_files(tmp_path / "cut" / "checkpoints"):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    last = steps(tmp_path / "cut")[-1]
    assert err.count(f"stopped after step {last}; resume with: torchrun --nproc-per-node 2") == 1
    newest = newest_checkpoint(tmp_path / "cut" / "checkpoints")
    assert newest is not None and newest[0].values["step"] == last
