"""Every wrong call ends with one message, the documented exit status, and no incomplete file."""

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gpt.cli import main
from gpt.errors import BadInput
from gpt.pretraining import TrainConfig

TEXT = "The list holds items. The items are numbers. A number is returned by the function.\n" * 60
NANO = "--device cpu --preset nano --context 16 --vocab-size 280 --batch-size 4 --save-every 1"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with valid and invalid files, and a run of two steps."""
    home = tmp_path_factory.mktemp("home")
    (home / "text.txt").write_text(TEXT)
    (home / "other.txt").write_text(TEXT.replace("list", "dict"))
    (home / "empty.txt").write_text("")
    (home / "blank.txt").write_text(" \n\n ")
    (home / "short.txt").write_text("Too short.\nIt is.\n" * 5)
    (home / "junk.bin").write_bytes(bytes(range(256)) * 10)
    (home / "zeros.txt").write_bytes(b"text\0text")
    (home / "rows.jsonl").write_text('{"text": "fine"}\n{"txt": 1}\n')
    (home / "cut.jsonl").write_text('{"text": "fi')
    (home / "nothing").mkdir()
    (home / "pictures").mkdir()
    (home / "pictures" / "a.png").write_bytes(b"\x89PNG")
    os.chdir(home)
    assert main(f"train {NANO} --data text.txt --steps 2 --runs . --name run".split()) == 0
    return home


def copy_of_run(home, folder):
    shutil.copytree(home / "run", folder / "run")
    return folder / "run"


CALLS = {
    "no such command": ("fly", "no command 'fly'; the commands are train, sample, eval, export"),
    "no such option": ("train --stpes 3", "Unrecognized options: --stpes"),
    "word for a number": ("train --steps many", "invalid literal for int.*'many'"),
    "text without a name": ("train --data=", "'' names no text; give a text file"),
    "data set without a name": ("train --data hub:", "'hub:' names no text; give a text file"),
    "system message without a chat": (
        "sample --run run --system hello",
        "--system goes before a --chat, and there is none",
    ),
    "negative steps": ("train --steps -5", "steps must be at least 1, got -5"),
    "no steps": ("train --steps 0", "steps must be at least 1, got 0"),
    "rate of zero": ("train --learning-rate 0", "learning_rate must be a positive number, got 0.0"),
    "rate not a number": ("train --learning-rate nan", "learning_rate must be .* got nan"),
    "negative clip": (
        "train --max-grad-norm -1",
        "max_grad_norm must be a positive number, got -1.0",
    ),
    "warm-up beyond the run": (
        "train --warmup-ratio 2",
        r"warmup_ratio must lie in \[0, 1\], got 2.0",
    ),
    "negative patience": ("train --patience -1", "patience must be at least 0, got -1"),
    "unknown precision": ("train --precision fp7", "invalid choice 'fp7'"),
    "unknown preset": ("train --preset huge", "no preset 'huge'; there are nano, tiny"),
    "unknown positions": ("train --positions left", "invalid choice 'left'"),
    "unknown tokenizer": ("train --tokenizer runes", "invalid choice 'runes'"),
    "heads that do not divide": ("train --data text.txt --n-heads 3 --d-model 32",
                                 "d_model 32 does not divide into 3 heads"),
    "no layers": ("train --data text.txt --n-layers 0", "n_layers must be at least 1, got 0"),
    "odd rotary width": (f"train {NANO} --data text.txt --d-model 6 --n-heads 2",
                         "the head width 3 must be even"),
    "dropout of one": ("train --data text.txt --dropout 1", r"dropout must lie in \[0, 1\)"),
    "outside of runs": (
        "train --name ../a",
        "name must be the name of a folder inside --runs, got '../a'",
    ),
    "the folder above": ("train --name ..", "inside --runs, got '..'"),
    "empty batch": ("train --batch-size 0", "batch_size must be at least 1, got 0"),
    "empty micro-batch": (
        "train --micro-batch-size 0",
        "micro_batch_size must be at least 1, got 0",
    ),
    "everything set aside": ("train --validation-share 1", r"must lie in \(0, 1\), got 1.0"),
    "small vocabulary": ("train --data text.txt --vocab-size 100",
                         "at least 257 tokens, got .* 100"),
    "missing file": ("train --data missing.txt", "no file or folder 'missing.txt'"),
    "empty file": ("train --data empty.txt", "'empty.txt' holds no text"),
    "blank file": ("train --data blank.txt", "'blank.txt' holds no text"),
    "binary junk": ("train --data junk.bin", "'junk.bin' is not a text file in UTF-8"),
    "zero bytes": ("train --data zeros.txt", "'zeros.txt' is not a text file .it holds zero bytes"),
    "row without text": ("train --data rows.jsonl",
                         "line 2 of 'rows.jsonl': the row is not an object"),
    "cut row": ("train --data cut.jsonl", "line 1 of 'cut.jsonl': the row is not an object"),
    "empty folder": ("train --data nothing", "folder 'nothing' holds no .*.txt"),
    "folder of pictures": ("train --data pictures", "folder 'pictures' holds no .*.txt"),
    "text shorter than the context": ("train --data short.txt --context 64",
                                      "and a context of 64 needs at least 65"),
    "name taken": (f"train {NANO} --data text.txt --runs . --name run",
                   "already holds a run; .*--overwrite"),
    "file where a folder should be": (f"train {NANO} --data text.txt --runs text.txt", "text.txt"),
    "no such device": ("train --data text.txt --device abacus", "no device 'abacus'"),
    "resume nothing": ("train --resume nowhere", "no run in 'nowhere'; start one with: gpt train"),
    "resume on another text": ("train --resume run --data other.txt",
                               "'other.txt' is not the text that 'run' was trained on"),
    "resume with another shape": ("train --resume run --d-model 64",
                                  "this run has d_model 32, not 64"),
    "resume with another length": ("train --resume run --steps 99",
                                   "this run has steps 2, not 99"),
    "sample from nothing": ("sample --run nowhere", "no run in 'nowhere'"),
    "prompt longer than the context": (["sample", "--run", "run", "--prompt", "number " * 99],
                                       "the prompt has .* tokens; this model reads 1 to 16"),
    "prompt that is no text": (["sample", "--run", "run", "--prompt", "a\udc80"],
                               "is half of a surrogate pair"),
    "negative temperature": ("sample --run run --temperature -1", "temperature must .* got -1.0"),
    "top-k of zero": ("sample --run run --top-k 0", "top_k must be at least 1, got 0"),
    "top-p of two": ("sample --run run --top-p 2", r"top_p must lie in \(0, 1\], got 2.0"),
    "no tokens": (
        "sample --run run --max-new-tokens 0",
        "max_new_tokens must be at least 1, got 0",
    ),
    "eval of nothing": ("eval --run nothing", "no run in 'nothing'"),
    "AdamW without a memory's end": ("train --beta1 1", r"beta1 must lie in \[0, 1\), got 1.0"),
    "average that never moves": ("train --ema-decay 1", r"ema_decay must lie in \[0, 1\), got 1.0"),
    "seed beyond 64 bits": ("train --seed 18446744073709551616", "seed must lie in"),
    "sample with such a seed": ("sample --run run --seed -1", "seed must lie in .* got -1"),
    "device without memory": ("train --data text.txt --device meta", "no device 'meta'"),
    "resume with the default length": ("train --resume run --steps 1200",
                                       "this run has steps 2, not 1200"),
    "demo without words": ("demo --max-new-tokens 0", "max_new_tokens must be at least 1, got 0"),
    "demo without steps": ("demo --steps 0", "steps must be at least 1, got 0"),
    "inspect without a prompt": ("inspect --run run", "no prompt; give a text to inspect, such as"),
    "inspect a long prompt": (
        f"inspect --run run --prompt {'list.' * 20}",
        "the prompt has [0-9]+ tokens; this model reads 1 to 16",
    ),
    "inspect no run": (
        "inspect --run gone --prompt a",
        "no run in 'gone'; start one with: gpt train",
    ),
    "inspect no model": ("inspect --model a/b/c --prompt a", "there is no model in 'a/b/c'; give"),
    "inspect to no folder": (
        "inspect --run run --prompt a --to gone/a.html",
        "--to must name a file in a folder that exists, got 'gone/a.html'",
    ),
    "inspect to a folder": (
        "inspect --run run --prompt a --to nothing",
        "--to must name a file in a folder that exists, got 'nothing'",
    ),
    "inspect to another file": (
        "inspect --run run --prompt a --to text.txt",
        "'text.txt' exists; replace it with --overwrite",
    ),
}  # fmt: skip


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, call, message, status=2):
    """Check a wrong call: its exit status, one message on stderr, nothing on stdout."""
    assert main(call.split() if isinstance(call, str) else call) == status
    said = capsys.readouterr()
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("gpt: ")
    assert re.search(message, last), last
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_one_message_and_status_2(name, home, capsys, monkeypatch):
    monkeypatch.chdir(home)
    call, message = CALLS[name]
    before = files(home)
    refused(capsys, call, message)
    assert files(home) == before


@pytest.mark.parametrize("command", ["demo", "eval", "sample", "export", "inspect", "compare"])
def test_commands_for_one_process_are_refused_under_torchrun(command, home, capsys, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused(capsys, command, f"start gpt {command} without it, as a single process")


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("command", ["sample --run run", "eval --run run", "train --resume run"])
def test_a_checkpoint_truncated_at_any_tenth_is_refused(
    command, tenth, home, tmp_path, capsys, monkeypatch
):
    run = copy_of_run(home, tmp_path)
    shutil.copy(home / "text.txt", tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in (run / "checkpoints").iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * tenth // 10])
    refused(capsys, command, "every checkpoint in .* is damaged")


def test_a_damaged_checkpoint_is_skipped_and_its_steps_are_repeated(
    home, tmp_path, capsys, monkeypatch
):
    run = copy_of_run(home, tmp_path)
    shutil.copy(home / "text.txt", tmp_path)
    monkeypatch.chdir(tmp_path)
    last = run / "checkpoints" / "step-00000002.safetensors"
    whole = last.read_bytes()
    last.write_bytes(whole[:1000])
    with (run / "log.jsonl").open("a") as log:
        log.write('{"step": 3, "lo')  # a line that a kill cut off
    assert main(["train", "--resume", "run"]) == 0
    assert "step-00000002.safetensors' is damaged" in capsys.readouterr().err
    assert last.read_bytes() == whole
    lines = (run / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [
        1,
        2,
    ]  # each step once


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model"].update(d_model=64), "another model: .* has shape .* needs"),
        (lambda c: c["model"].update(n_layers=3), "another model: blocks.2.* has shape None"),
        (lambda c: c["model"].update(vocab_size=300), "but the model has 300"),
        (lambda c: c["model"].update(n_legs=4), "is not the config of a run: .* 'n_legs'"),
        (lambda c: c["model"].update(n_heads=3), "is not the config of a run: .* heads"),
        (lambda c: c.pop("model"), "is not the config of a run: it has no 'model'"),
        (lambda c: c.pop("command"), "is not the config of a run: it has no 'command'"),
    ],
)
def test_a_checkpoint_of_another_shape_is_refused(
    change, message, home, tmp_path, capsys, monkeypatch
):
    run = copy_of_run(home, tmp_path)
    monkeypatch.chdir(tmp_path)
    config = json.loads((run / "config.json").read_text())
    change(config)
    (run / "config.json").write_text(json.dumps(config))
    refused(capsys, "sample --run run", message)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "train.npy"])
@pytest.mark.parametrize("content", [b"", b"junk", None], ids=["empty", "junk", "missing"])
def test_a_run_with_a_broken_file_is_refused(name, content, home, tmp_path, capsys, monkeypatch):
    run = copy_of_run(home, tmp_path)
    monkeypatch.chdir(tmp_path)
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(content)
    refused(capsys, "eval --run run", "no run in|is not the config|is not a tokenizer|damaged")


def test_tokens_out_of_range_are_refused(home, tmp_path, capsys, monkeypatch):
    run = copy_of_run(home, tmp_path)
    monkeypatch.chdir(tmp_path)
    np.save(run / "validation.npy", np.array([1, 2, 9999], np.uint16))
    refused(capsys, "eval --run run", "holds token 9999, and the vocabulary ends at")


def test_too_little_memory_is_one_message_and_status_1(home, tmp_path, capsys, monkeypatch):
    """Nothing is simulated: the first matrix would need 12 terabytes."""
    monkeypatch.chdir(home)
    call = f"train {NANO} --data text.txt --runs {tmp_path} --d-model 1000000"
    refused(capsys, call, "not enough memory; try a smaller --batch-size", status=1)


def test_a_run_is_not_resumed_on_a_file_that_has_changed(home, tmp_path, capsys, monkeypatch):
    run = copy_of_run(home, tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT + "One more line.\n")
    before = files(run)
    call = "train --resume run --data text.txt"
    refused(capsys, call, "'text.txt' is not the text that 'run' was trained on; leave --data out")
    assert files(run) == before


def test_a_run_is_resumed_without_its_text_and_ends_with_the_same_bits(
    home, tmp_path, capsys, monkeypatch
):
    """Its tokens are in its folder; a text that was moved is accepted if it has not changed."""
    shutil.copy(home / "text.txt", tmp_path)
    monkeypatch.chdir(tmp_path)
    run = copy_of_run(home, tmp_path)
    last = run / "checkpoints" / "step-00000002.safetensors"
    whole = last.read_bytes()
    (tmp_path / "text.txt").rename(tmp_path / "moved.txt")
    for more in ("", " --data moved.txt"):
        last.unlink()
        assert main(f"train --resume run{more}".split()) == 0
        assert last.read_bytes() == whole
    capsys.readouterr()
    refused(capsys, "train --resume run --data text.txt", "no file or folder 'text.txt'")


@pytest.mark.parametrize("name", ["train.npy", "validation.npy"])
@pytest.mark.parametrize("call", ["train --resume run", "eval --run run"])
def test_token_files_that_have_changed_are_refused(name, call, home, tmp_path, capsys, monkeypatch):
    """One bit has changed, and the token is still in the vocabulary."""
    run = copy_of_run(home, tmp_path)
    monkeypatch.chdir(tmp_path)
    content = bytearray((run / name).read_bytes())
    content[-2] ^= 1
    (run / name).write_bytes(content)
    before = files(run)
    refused(capsys, call, f"{name}' has changed since the run was created")
    assert files(run) == before


def test_a_new_run_needs_a_text():
    with pytest.raises(BadInput, match="no text to train on; name one with --data"):
        TrainConfig(data=None)


def test_a_folder_without_write_permission_is_named(home, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(home)
    locked = tmp_path / "locked"
    locked.mkdir()
    if sys.platform == "win32" or os.geteuid() == 0:  # permissions do not apply to root

        def deny(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied", str(locked))

        monkeypatch.setattr("pathlib.Path.mkdir", deny)
    else:
        locked.chmod(0o555)
    refused(capsys, f"train {NANO} --data text.txt --runs {locked}", "locked.*Permission denied")
    assert not any(locked.iterdir())


START_AGAIN = "nothing of the run was kept; free some space and start again"
GO_ON = "; free some space, then resume with: gpt train --resume .*gpt$"
NO_STEP = f"no checkpoint was written yet, so the run starts again from its first step{GO_ON}"
WRITES = [
    *(("tokenizer.json", START_AGAIN), ("train.npy", START_AGAIN), ("validation.npy", START_AGAIN)),
    *(("config.json", START_AGAIN), ("log.jsonl", NO_STEP), ("step-00000001.safetensors", NO_STEP)),
    ("step-00000002.safetensors", f"the last checkpoint is step-00000001.safetensors{GO_ON}"),
    ("loss.png", f"the last checkpoint is step-00000002.safetensors{GO_ON}"),
]


def full_disk(monkeypatch, write):
    """Let a write, counted from 0, and all later ones find the disk full."""
    real, calls = os.fsync, iter(range(1000))

    def full(number):
        if next(calls) >= write * (1 if sys.platform == "win32" else 2):  # file and folder
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.parametrize("write", range(len(WRITES)), ids=[name for name, _ in WRITES])
def test_the_message_of_a_full_disk_names_the_file_and_how_to_resume(
    write, home, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(home)
    name, advice = WRITES[write]
    call = f"train {NANO} --data text.txt --runs {tmp_path} --steps 2"
    with monkeypatch.context() as patched:
        full_disk(patched, write)
        refused(capsys, call, f"{name}: No space left on device; {advice}", status=1)
    assert not list(tmp_path.rglob("*.partial"))
    go_on = call if advice is START_AGAIN else f"train --resume {tmp_path / 'gpt'}"
    assert main(go_on.split()) == 0
    last = "checkpoints/step-00000002.safetensors"
    assert (tmp_path / "gpt" / last).read_bytes() == (home / "run" / last).read_bytes()


needs_dev_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk always full")  # noqa: PTH110


@needs_dev_full
def test_a_log_that_cannot_be_written_is_named(home, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(home)
    real = Path.open

    def redirected(path, mode="r", **options):
        full = path.name == "log.jsonl" and mode == "a"
        return real(Path("/dev/full") if full else path, mode, **options)

    monkeypatch.setattr(Path, "open", redirected)
    call = f"train {NANO} --data text.txt --runs {tmp_path} --steps 2"
    kept = "the last checkpoint is step-00000001.safetensors"
    refused(capsys, call, f"log.jsonl: No space left on device; {kept}{GO_ON}", status=1)


@needs_dev_full
def test_output_to_a_full_disk_is_one_message(home, capsys, monkeypatch):
    monkeypatch.chdir(home)
    with Path("/dev/full").open("w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        message = "standard output: No space left on device; the printed text is incomplete"
        refused(capsys, "eval --run run", message, status=1)


@pytest.mark.parametrize("write", range(4))
def test_an_export_to_a_full_disk_says_how_to_export_again(
    write, home, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(home)
    call = f"export --run run --output {tmp_path / 'out'}"
    with monkeypatch.context() as patched:
        full_disk(patched, write)
        message = "out/.*: No space left on device; .* is incomplete; .* with --overwrite"
        refused(capsys, call, message, status=1)
    assert not (tmp_path / "out" / "config.json").exists()
    assert main([*call.split(), "--overwrite"]) == 0


def test_a_second_ctrl_c_names_the_last_checkpoint_too(home, tmp_path, capsys, monkeypatch):
    """It does not wait for the current step, so that step is not saved."""
    monkeypatch.chdir(home)
    steps = iter(range(3))

    def hurried(*_, **__):
        if next(steps) == 1:
            raise KeyboardInterrupt
        return 1.0, 1.0

    monkeypatch.setattr("gpt.training.loop.update_weights", hurried)
    call = f"train {NANO} --data text.txt --runs {tmp_path} --steps 2"
    assert main(call.split()) == 130
    said = capsys.readouterr().err
    assert "the last checkpoint is step-00000001.safetensors; resume with: gpt train --resu" in said
    assert said.endswith("gpt: interrupted\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: SIGINT to another process")
@pytest.mark.parametrize("seed", range(4))
def test_after_ctrl_c_at_a_random_time_the_run_can_be_resumed(seed, home, tmp_path):
    """At any time: while torch is imported, while the text is read, or in a step."""
    options = f"{NANO} --data {home / 'text.txt'} --runs {tmp_path} --steps 4000"
    command = [sys.executable, "-m", "gpt", "train", *options.split()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        time.sleep(random.Random(seed).uniform(0.2 + 3 * seed, 3 + 3 * seed))
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 130, err
    assert "Traceback" not in err
    run = tmp_path / "gpt"
    assert not list(tmp_path.rglob("*.partial"))
    if (run / "config.json").exists():
        assert "resume with: gpt train --resume" in err
        assert main(["sample", "--run", str(run), "--max-new-tokens", "1"]) in (0, 2)
