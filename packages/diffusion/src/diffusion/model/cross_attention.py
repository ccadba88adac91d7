"""Cross-attention: every patch attends to the words of the caption.

Vaswani et al. 2017, section 3.2.3: the queries come from the patches, keys and values from the
words. The output layer is 0 at first, so a model with captions starts like one without.
"""

from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.attention import full_attention
from gpt.model.norms import LayerNorm


class CrossAttention(nn.Module):
    """Multi-head attention from patches to words; padding is ignored."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm = LayerNorm(d_model)
        self.queries, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.keys_and_values = nn.Linear(d_model, 2 * d_model)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def project(
        self, x: Float[Tensor, "B N D"], words: Float[Tensor, "B T D"]
    ) -> tuple[Float[Tensor, "B H N K"], Float[Tensor, "B H T K"], Float[Tensor, "B H T K"]]:
        """Project patches to queries, and words to keys and values."""
        q = rearrange(self.queries(self.norm(x)), "B N (H K) -> B H N K", H=self.n_heads)
        pairs = self.keys_and_values(words)
        k, v = rearrange(pairs, "B T (two H K) -> two B H T K", two=2, H=self.n_heads)
        return q, k, v

    def forward(
        self,
        x: Float[Tensor, "B N D"],
        words: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B 1 1 T"] | None = None,
    ) -> Float[Tensor, "B N D"]:
        """Return each patch's weighted mean of the words' values."""
        q, k, v = self.project(x, words)
        return self.output(rearrange(full_attention(q, k, v, mask), "B H N K -> B N (H K)"))
