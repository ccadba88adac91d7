import os

import pytest

# Before any import of a Hugging Face library: no test asks a network.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same numbers, alone or among others."""
    import torch

    torch.manual_seed(0)
