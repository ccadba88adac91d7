import platform
import sys
import time

import pytest
import torch

from gpt.recording import measurement_conditions


def test_a_report_names_the_command_the_machine_and_the_versions(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["packages/gpt/scripts/some_script.py", "--steps", "3"])
    found = measurement_conditions(torch.device("cpu"), time.perf_counter() - 90)
    assert found.pop("minutes") == pytest.approx(1.5, abs=0.05)
    assert found == {
        "command": "some_script.py --steps 3",
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def test_a_gpu_is_recorded_by_its_name(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: f"card {device.index}")
    found = measurement_conditions(torch.device("cuda", 1), time.perf_counter())
    assert found["device"] == "card 1"
