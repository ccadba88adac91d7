"""Does the folded layer have the output of norm and layer?"""

from collections.abc import Callable

import torch
from torch import Tensor

from gpt.model.norms import layer_norm


def check(fold_norm: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    """Check a layer to work out with a pencil, then a real norm before a wider layer."""
    gain, bias, weight = (
        torch.tensor(numbers) for numbers in ([2.0, 3.0], [1.0, 10.0], [[1.0, 1.0], [4.0, 0.0]])
    )
    folded, shift = fold_norm(gain, bias, weight)
    assert folded.tolist() == [[2, 3], [8, 0]], f"the gain 2, 3 makes {folded.tolist()}"
    assert shift.tolist() == [11, 4], f"the bias 1, 10 makes {shift.tolist()}"

    generator = torch.Generator().manual_seed(0)
    x, gain, bias, weight = (
        torch.randn(shape, generator=generator) for shape in ((4, 6), (6,), (6,), (8, 6))
    )
    folded, shift = fold_norm(gain, bias, weight)
    before = layer_norm(x, gain, bias) @ weight.T
    after = layer_norm(x, torch.ones(6), torch.zeros(6)) @ folded.T + shift
    off = float((before - after).abs().max())
    assert off < 1e-4, f"the folded layer is off by up to {off:.3g}"
