"""The benchmark for GPUs, tried out small on the CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu_benchmark.py"
pytestmark = pytest.mark.baselines


def run(*options):
    command = [sys.executable, str(SCRIPT), "--device", "cpu", *options]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def test_it_reports_training_and_decoding_of_both_sides():
    small = ["--tiny", "--no-compile", "--batch-size", "2", "--steps", "1", "--new-tokens", "4"]
    done = run(*small, "--peak", "1e12")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    training = report["training"]
    for side in ("ours", "library"):
        assert training[side]["tokens_per_s"] > 0
        # about 6 operations for each of 0.8 million numbers, and some for attention
        operations = training[side]["utilisation"] * 1e12 / training[side]["tokens_per_s"]
        assert 4.8e6 < operations < 5.5e6
    assert report["decoding"].keys() == {"batch 1", "batch 64"}


def test_gpt2_small_is_not_tried_without_a_gpu():
    done = run()
    assert done.returncode == 2
    assert done.stderr.startswith("gpu_benchmark: GPT-2 small at this size needs a CUDA device")
