"""Is the chance that a drafted token is kept right, for any draft?"""

from collections.abc import Callable

import torch
from torch import Tensor


def check(acceptance_rate: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Check distributions that can be compared in the head."""
    cases = [
        ("the same distribution", [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], 1.0),
        ("nothing in common", [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], 0.0),
        ("an overconfident draft", [0.5, 0.3, 0.2], [1.0, 0.0, 0.0], 0.5),
        ("a little different", [0.5, 0.3, 0.2], [0.7, 0.2, 0.1], 0.8),
    ]
    for name, p, q, expected in cases:
        found = float(acceptance_rate(torch.tensor(p), torch.tensor(q)))
        assert abs(found - expected) < 1e-6, f"{name}: p {p}, q {q} give {expected}, not {found}"
