r"""The KV cache: keys and values of the past are computed once and kept.

Position t of a causal model never looks ahead, so its keys and values stay the same when text is
added. Writing one more token then costs one token's work in place of t tokens'. All slots are made
at the start; a forward pass of T tokens fills the next T of every layer.

Prompts of different lengths share a batch by standing at its right edge: `padding[b]` slots of row
b come before its first token, are seen by no token, and do not count as positions.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.attention import causal_mask
from gpt.model.positions import PositionIndex


class LayerCache:
    """The slots of one layer, filled from the left."""

    def __init__(self, slots: Float[Tensor, "two B J S K"]) -> None:
        self.keys, self.values = slots[0], slots[1]
        self.length = 0

    def extend(
        self, k: Float[Tensor, "B J T K"], v: Float[Tensor, "B J T K"]
    ) -> tuple[Float[Tensor, "B J S K"], Float[Tensor, "B J S K"]]:
        """Keep the new keys and values, and return all so far."""
        begin, self.length = self.length, self.length + k.shape[2]
        self.keys[:, :, begin : self.length] = k
        self.values[:, :, begin : self.length] = v
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class KVCache:
    """The caches of all layers, for a batch that is read together."""

    def __init__(
        self, slots: Float[Tensor, "L two B J S K"], padding: Int[Tensor, " B"] | None = None
    ) -> None:
        self.layers = [LayerCache(layer) for layer in slots]
        self.n_slots = slots.shape[4]
        self.padding = padding

    @property
    def length(self) -> int:
        """Slots filled so far, padding included."""
        return self.layers[0].length

    def index(self, n_tokens: int) -> PositionIndex:
        """The positions of the next tokens; those of padding are 0.

        Raises:
            BadInput: there are not that many slots left.
        """
        begin, end = self.length, self.length + n_tokens
        if end > self.n_slots:
            raise BadInput(f"{end} tokens do not fit into a cache of {self.n_slots} slots")
        if self.padding is None:
            return slice(begin, end)
        slots = torch.arange(begin, end, device=self.padding.device)
        return (slots - self.padding[:, None]).clamp(min=0)

    def mask(self, n_tokens: int) -> Bool[Tensor, "B 1 T S"] | None:
        """What the next tokens may see; None where that is all of the past."""
        if self.padding is None:
            return None
        end, device = self.length + n_tokens, self.padding.device
        real = torch.arange(end, device=device) >= self.padding[:, None, None, None]
        past = causal_mask(n_tokens, end, device)
        # padding sees itself: some kernels make a NaN of a query that may look nowhere
        return (past & real) | past.triu(end - n_tokens)


def cache_bytes(
    n_tokens: int,
    n_layers: int,
    n_kv_heads: int,
    d_head: int,
    batch_size: int = 1,
    bytes_per_number: int = 4,
) -> int:
    r"""Memory of a cache: 2 (keys and values) L J K numbers for every token of every row.

    GPT-3 (96 layers, 96 heads of 128) keeps 2,359,296 numbers, 9.4 MB in fp32, for each token.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * batch_size * bytes_per_number
