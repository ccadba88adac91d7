"""The benchmark for GPUs, at a small size on the CPU."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from gpt.errors import BadInput

pytest.importorskip("diffusers", reason="baselines: needs the extra baselines")

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu_benchmark.py"
pytestmark = pytest.mark.baselines


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("gpu_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_benchmark"] = module  # dataclasses look up their module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["gpu_benchmark"]


@pytest.fixture
def precision():
    """Restore a global setting of torch that the script changes."""
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def test_it_reports_both_sides_and_their_results_agree_within_16_bits(script, precision, capsys):
    small = {"tiny": True, "batch_size": 2, "steps": 3, "repeats": 1}
    script.main(script.Config(device="cpu", compile=False, **small))
    report = json.loads(capsys.readouterr().out)
    for name in ("training step", "guided sampling", "encoding", "decoding"):
        assert report[name]["ours_s"] > 0 and report[name]["library_s"] > 0
        assert report[name]["relative_difference"] < 0.05
    assert report["device"] == "cpu"


def test_the_large_model_is_not_tried_without_a_gpu(script):
    with pytest.raises(BadInput, match="a DiT of this size needs a CUDA device"):
        script.main(script.Config(device="cpu"))
