"""Does every query head get the keys of its group?"""

from collections.abc import Callable

import torch
from torch import Tensor

from gpt.model.attention import attention, causal_mask, fused_attention


def check(share_heads: Callable[[Tensor, int], Tensor]) -> None:
    """Check three small cases, then grouped attention against torch's kernel."""
    cases = [
        ([0, 1], 4, [0, 0, 1, 1]),
        ([0, 1, 2], 3, [0, 1, 2]),
        ([7], 3, [7, 7, 7]),
    ]
    for heads, n_heads, expected in cases:
        x = torch.tensor(heads)[None, :, None, None].float().expand(1, len(heads), 2, 2)
        yours = share_heads(x, n_heads)
        assert yours.shape == (1, n_heads, 2, 2), (
            f"{n_heads} heads of 2 rows of 2 numbers have the shape {(1, n_heads, 2, 2)}, "
            f"not {tuple(yours.shape)}"
        )
        order = yours[0, :, 0, 0].int().tolist()
        assert order == expected, f"{n_heads} heads share {heads} as {expected}, not {order}"

    generator = torch.Generator().manual_seed(0)
    q = torch.randn(1, 6, 5, 4, generator=generator)
    k, v = torch.randn(2, 1, 2, 5, 4, generator=generator)
    yours = attention(q, share_heads(k, 6), share_heads(v, 6), causal_mask(5, 5)[None, None])
    assert torch.allclose(yours, fused_attention(q, k, v), atol=1e-5), "torch's kernel disagrees"
