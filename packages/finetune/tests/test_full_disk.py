"""A disk that fills up during a stage: the message names the file and the way to resume."""

import errno
import os
import re
import sys

import pytest

from finetune.cli import main

RESUME = "free some space, then resume with: finetune sft --resume .*mine"
WRITES = {  # after tokenizer, task, config and log
    1: ("task.json", "nothing of the run was kept; free some space and start again"),
    4: ("step-00000001.safetensors", f"no checkpoint was written yet, .*; {RESUME}"),
    5: ("step-00000002.safetensors", f"the last checkpoint is step-00000001.safetensors; {RESUME}"),
    6: ("adapter_model.safetensors", f"the last checkpoint is step-00000002.safetensors; {RESUME}"),
}


@pytest.mark.parametrize("write", WRITES, ids=[name for name, _ in WRITES.values()])
def test_a_full_disk_is_a_sentence_and_the_stage_goes_on(
    write, home, tmp_path, capsys, monkeypatch
):
    real, calls = os.fsync, iter(range(1000))

    def full(number):
        if next(calls) >= write * (1 if sys.platform == "win32" else 2):  # a file, its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    name, advice = WRITES[write]
    options = "--device cpu --steps 2 --save-every 1 --batch-size 4 --rank 2 --name mine"
    files = f"--data {home / 'rows.json'} --model {home / 'runs' / 'base'} --runs {tmp_path}"
    call = f"sft {options} {files}".split()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert main(call) == 1
    [said] = [line for line in capsys.readouterr().err.splitlines() if "No space" in line]
    assert re.fullmatch(f"finetune: .*{name}: No space left on device; {advice}", said)
    assert not list(tmp_path.rglob("*.partial"))
    begun = (tmp_path / "mine" / "config.json").exists()
    assert main(["sft", "--resume", str(tmp_path / "mine")] if begun else call) == 0
    assert (tmp_path / "mine" / "adapter" / "adapter_config.json").exists()
