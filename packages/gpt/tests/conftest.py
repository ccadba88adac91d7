import os

import pytest

# Before any import of a Hugging Face library: no test asks a network.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def on_the_cpu_from_seed_zero(monkeypatch, request):
    """Every test draws the same numbers, alone or among others, on a machine with a GPU too."""
    import torch

    torch.manual_seed(0)
    if "gpu" not in request.keywords:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
