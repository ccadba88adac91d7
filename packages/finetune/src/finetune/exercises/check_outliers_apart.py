"""Check that large weights are exact and do not affect the others."""

from collections.abc import Callable

import torch
from torch import Tensor

from finetune.lora.nf4 import dequantise_matrix, nf4_levels, quantise_matrix


def check(outliers_apart: Callable[[Tensor, int], Tensor]) -> None:
    """Compare with weights that nf4 stores exactly except for outliers, and with random ones."""
    exact = nf4_levels().float().repeat(4, 4)  # each block has the scale 1
    for name, where, value in (
        ("a large weight", [(0, 3)], 50.0),
        ("a large negative one", [(2, 10)], -50.0),
        ("two in one block", [(1, 5), (1, 6)], 30.0),
        ("two far apart", [(0, 0), (3, 63)], -8.0),
    ):
        weight = exact.clone()
        for row, column in where:
            weight[row, column] = value
        given, yours = weight.clone(), outliers_apart(weight, len(where))
        assert torch.equal(weight, given), f"{name}: the function changed its input"
        wrong = (yours - given).abs().max().item()
        assert wrong < 1e-6, f"{name}: every weight can be exact, but one is off by {wrong:.3g}"

    weight = torch.randn(6, 64, generator=torch.Generator().manual_seed(0))
    weight[2, 7], weight[4, 9], weight[4, 10] = 9.0, -20.0, 6.0
    for n in (0, 1, 3):
        kept = weight.flatten().abs().argsort(descending=True)[:n]
        rest = weight.flatten().clone()
        rest[kept] = 0
        expected = dequantise_matrix(quantise_matrix(rest.view_as(weight)), (6, 64)).flatten()
        expected[kept] = weight.flatten()[kept]
        wrong = (outliers_apart(weight.clone(), n).flatten() - expected).abs().max().item()
        assert wrong < 1e-6, f"{n} exact weights in a random matrix: a weight is off by {wrong:.3g}"
