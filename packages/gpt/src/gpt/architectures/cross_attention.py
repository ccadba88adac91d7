"""Cross-attention: queries from one sequence, keys and values from another.

Vaswani et al. 2017, section 3.2.3: in "encoder-decoder attention" the queries come from the
decoder, and the keys and values from the output of the encoder. So every target position can look
at all source positions. There is no causal mask, since the source is known in full; only padding is
masked.

Keys and values do not depend on the target. They are projected once per source, by `project`, and
serve all tokens that are generated.
"""

from typing import NamedTuple

from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.attention import full_attention


class SourceKeys(NamedTuple):
    """Keys and values of the source, for the cross-attention of one layer."""

    keys: Float[Tensor, "B H S K"]
    values: Float[Tensor, "B H S K"]


class CrossAttention(nn.Module):
    """Multi-head attention from target positions to source positions."""

    def __init__(self, d_model: int, n_heads: int, d_head: int, bias: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(d_model, n_heads * d_head, bias=bias)
        self.key_value = nn.Linear(d_model, 2 * n_heads * d_head, bias=bias)
        self.output = nn.Linear(n_heads * d_head, d_model, bias=bias)

    def project(self, source: Float[Tensor, "B S D"]) -> SourceKeys:
        """Compute the keys and values of all source positions."""
        both = rearrange(
            self.key_value(source), "B S (two H K) -> two B H S K", two=2, H=self.n_heads
        )
        return SourceKeys(*both)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        source: SourceKeys,
        mask: Bool[Tensor, "#B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Let each target position attend to the source positions that the mask keeps."""
        q = rearrange(self.query(x), "B T (H K) -> B H T K", H=self.n_heads)
        mixed = full_attention(q, source.keys, source.values, mask)
        return self.output(rearrange(mixed, "B H T K -> B T (H K)"))
