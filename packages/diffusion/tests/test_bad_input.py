"""Every wrong call ends with one sentence, status 2, and nothing half-written."""

import re

import pytest

from diffusion.cli import main

CALLS = {
    "no such command": ("fly", "no command 'fly'; the commands are train"),
    "word for a number": ("train --steps many", "invalid literal for int.*'many'"),
    "no steps": ("train --steps 0", "steps must be at least 1, got 0"),
    "unknown task": ("train --task cats", "invalid choice 'cats'"),
    "unknown condition": ("train --condition size", "invalid choice 'size'"),
    "points with captions": ("train --task flow2d --condition text", "points have no captions"),
    "your images without a place": ("train --task images", "the task images needs --data"),
    "an empty place": ("train --task images --data=", "got task images and data ''"),
    "a place without a task": ("train --data photos", "the task images needs --data, and only it"),
    "no folder of images": ("train --task images --data gone", "there is no folder 'gone'"),
    "a file of images": ("train --task images --data junk", "'junk' is a file; give the folder"),
    "a CLIP without captions": ("train --clip junk", "a CLIP is of no use with condition class"),
    "no CLIP": ("train --condition text --clip gone", "there is no weight file 'gone'; train one"),
    "a damaged CLIP": ("train --condition text --clip junk", "'junk' is damaged or is not a file"),
    "more pairs than captions": ("train --stage clip --batch-size 11", "between 2 and .* 10"),
    "drop everything": ("train --drop-rate 1", r"drop_rate must lie in \[0, 1\), got 1.0"),
    "patches that do not divide": ("train --patch-size 3", "patch_size 3 does not divide .* 8"),
    "heads that do not divide": ("train --n-heads 5", "multiple of 4 x n_heads, got 128 with 5"),
    "no width of a U-Net": ("train --network unet --d-model 0", "d_condition must be at least 1"),
    "a network for points": ("train --task flow2d --network unet", "a network of their own"),
    "a size of digits": ("train --size 64", "the size of digits is fixed; leave --size out"),
    "parts of a batch of a CLIP": ("train --stage clip --micro-batch-size 2", "is never split"),
    "odd width of a U-Net": ("train --network unet --d-model 20", "must be multiples of 8"),
    "no blocks": ("train --n-layers 0", "n_layers must be at least 1, got 0"),
    "no width of points": ("train --task flow2d --d-model 0", "d_model must be at least 1, got 0"),
    "empty batch": ("train --batch-size 0", "batch_size must be at least 1, got 0"),
    "rate of zero": ("train --learning-rate 0", "learning_rate must be a positive number, got 0.0"),
    "average that never moves": ("train --ema-decay 1", r"ema_decay must lie in \[0, 1\)"),
    "run outside of runs": ("train --name ../a", "name of a folder inside --runs, got '../a'"),
    "runs in a file": ("train --runs junk", "junk"),
    "resume nothing": ("train --resume gone", "there is no run in 'gone'; start one with: diffus"),
    "no such device": ("train --device tpu", "no device 'tpu'; try auto or cpu"),
}  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk").write_bytes(b"\x00\xff")
    return tmp_path


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_ends_with_one_sentence(name, home, capsys):
    call, message = CALLS[name]
    assert main(call.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    assert line.startswith("diffusion: ")
    assert re.search(message, line), line
    assert [path.name for path in home.iterdir()] == ["junk"]
