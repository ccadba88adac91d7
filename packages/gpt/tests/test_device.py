import pytest

from gpt.device import pick_device
from gpt.errors import BadInput


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(False, False, "cpu"), (False, True, "mps"), (True, False, "cuda"), (True, True, "cuda")],
)
def test_auto_is_cuda_then_apples_gpu_then_the_cpu(cuda, mps, expected, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert pick_device("auto").type == expected


@pytest.mark.parametrize("name", ["abacus", "meta", ""])
def test_a_device_that_cannot_compute_is_refused(name):
    with pytest.raises(BadInput, match=f"this machine has no device '{name}'; try auto or cpu"):
        pick_device(name)
