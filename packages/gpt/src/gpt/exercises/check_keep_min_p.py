"""Does the filter depend on the most likely token of each row?"""

from collections.abc import Callable

import torch
from torch import Tensor


def check(keep_min_p: Callable[[Tensor, float], Tensor]) -> None:
    """Check probabilities that can be compared in the head."""
    cases = [
        ("sure", [0.8, 0.15, 0.05], 0.1, [True, True, False]),  # the limit is 0.08
        ("unsure", [0.3, 0.4, 0.3], 0.5, [True, True, True]),  # 0.2
        ("in no order", [0.6, 0.1, 0.3], 0.4, [True, False, True]),  # 0.24
    ]
    for name, probabilities, p, kept in cases:
        logits = torch.tensor([probabilities]).log() + 7  # the 7 does not change the softmax
        yours = keep_min_p(logits, p)
        found = (yours > -torch.inf)[0].tolist()
        assert found == kept, f"{name}: of {probabilities} min-p {p} keeps {kept}, not {found}"
        same = torch.equal(yours[0, kept], logits[0, kept])
        assert same, f"{name}: the scores that stay must not change; {logits} became {yours}"

    both = torch.tensor([[0.8, 0.15, 0.05], [0.3, 0.4, 0.3]]).log()
    found = (keep_min_p(both, 0.4) > -torch.inf).tolist()
    kept = [[True, False, False], [True, True, True]]  # limits 0.32 and 0.16
    assert found == kept, f"each row has its own most likely token: {kept}, not {found}"
