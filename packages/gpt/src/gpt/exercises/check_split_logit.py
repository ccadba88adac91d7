"""Do the parts add up to the logit, and is each of them right?"""

from collections.abc import Callable

import torch
from torch import Tensor

from gpt.model.norms import rms_norm


def check(split_logit: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> None:
    """Check two parts to work out with a pencil, then many random ones."""
    parts, gain = torch.tensor([[7.0, 0.0], [-5.0, 2.0]]), torch.tensor([1.0, 3.0])
    found = split_logit(parts, gain, torch.tensor([10.0, 1.0]), 0.0)
    assert found.shape == (2,), f"two parts have two contributions, not {tuple(found.shape)}"
    # the sum (2, 2) has a root mean square of 2
    assert found.tolist() == [35, -22], f"7, 0 and -5, 2 contribute {found.tolist()}"

    generator = torch.Generator().manual_seed(0)
    parts, gain, row = (
        torch.randn(shape, generator=generator) for shape in ((9, 16), (16,), (16,))
    )
    total = split_logit(parts, gain, row, 0.5).sum()
    logit = row @ rms_norm(parts.sum(dim=0), gain, 0.5)
    off = float((total - logit).abs())
    assert off < 1e-4, (
        f"the contributions sum to {float(total):.4f}, the logit is {float(logit):.4f}"
    )
    more = split_logit(torch.cat([parts, parts[:1] * 0]), gain, row, 0.5)
    assert float(more[-1]) == 0, "a part of zeros contributes nothing"
