"""Do two partial results make the attention over all keys?"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def partial_attention(scores: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of some values, and the logarithm of the softmax's divisor."""
    return scores.softmax(dim=-1) @ v, scores.logsumexp(dim=-1, keepdim=True)


def check(merge_attention: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """Check one query worked by hand, then five of random scores, then scores of a thousand."""
    three, five = torch.tensor([[math.log(3)]]), torch.tensor([[math.log(5)]])
    output, log_divisor = merge_attention(
        torch.tensor([[8.0]]), three, torch.tensor([[16.0]]), five
    )
    assert math.isclose(output.item(), 13, rel_tol=1e-6), (
        f"8 with a divisor of 3 and 16 with one of 5 make 3/8 * 8 + 5/8 * 16 = 13, "
        f"not {output.item():g}"
    )
    assert math.isclose(log_divisor.item(), math.log(8), rel_tol=1e-6), (
        f"divisors of 3 and 5 make 8, whose logarithm is {math.log(8):.3f}, "
        f"not {log_divisor.item():.3f}"
    )
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(5, 9, dtype=torch.float64, generator=generator)
    v = torch.randn(9, 4, dtype=torch.float64, generator=generator)
    for name, shift in (("random scores", 0.0), ("scores near 1000", 1000.0)):
        shifted = scores + shift
        parts = [partial_attention(shifted[:, keys], v[keys]) for keys in (slice(2), slice(2, 9))]
        yours = merge_attention(*parts[0], *parts[1])
        for what, found, expected in zip(
            ("output", "log divisor"), yours, partial_attention(shifted, v), strict=True
        ):
            assert found.isfinite().all(), f"{name}: the {what} is not finite"
            off = float((found - expected).abs().max())
            assert off < 1e-9, f"{name}: the {what} differs from that over all keys by {off:.2g}"
