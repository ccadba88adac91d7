"""The benchmark for GPUs, at a small size on the CPU."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from gpt.errors import BadInput

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

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


def test_it_reports_training_and_decoding_of_both_sides(script, precision, capsys):
    small = {"tiny": True, "batch_size": 2, "steps": 1, "new_tokens": 4}
    script.main(script.Config(device="cpu", compile=False, peak=1e12, **small))
    report = json.loads(capsys.readouterr().out)
    training = report["training"]
    for side in ("ours", "library"):
        assert training[side]["tokens_per_s"] > 0
        # about 6 operations per parameter (0.8 million), and some for attention
        operations = training[side]["utilisation"] * 1e12 / training[side]["tokens_per_s"]
        assert 4.8e6 < operations < 5.5e6
    assert report["decoding"].keys() == {"batch 1", "batch 64"}


def test_gpt2_small_is_not_tried_without_a_gpu(script):
    with pytest.raises(BadInput, match="GPT-2 small at this size needs a CUDA device"):
        script.main(script.Config(device="cpu"))
