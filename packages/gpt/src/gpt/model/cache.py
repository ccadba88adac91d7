r"""The KV cache: the keys and values of earlier tokens are computed once and kept.

In a causal model, position t never attends to later ones, so its keys and values stay the same when
text is added. Generating a token then takes the work of one token instead of t tokens. All slots
are allocated at the start; a forward pass of T tokens fills the next T slots of every layer.

Prompts of different lengths share a batch by padding on the left: `padding[b]` slots of row b come
before its first token, are seen by no token, and do not count as positions.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.attention import causal_mask
from gpt.model.positions import PositionIndex


@dataclass(eq=False)
class LayerCache:
    """Keys and values of one layer, in slots filled from the left."""

    keys: Float[Tensor, "B J S K"]
    values: Float[Tensor, "B J S K"]
    length: int = 0
    """Number of filled slots."""

    def extend(
        self, k: Float[Tensor, "B J T K"], v: Float[Tensor, "B J T K"]
    ) -> tuple[Float[Tensor, "B J S K"], Float[Tensor, "B J S K"]]:
        """Store the new keys and values, and return all that are stored."""
        begin, self.length = self.length, self.length + k.shape[2]
        self.keys[:, :, begin : self.length] = k
        self.values[:, :, begin : self.length] = v
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    def select_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Keep these rows, in this order; a row whose number occurs twice is copied."""
        self.keys, self.values = (each.index_select(0, rows) for each in (self.keys, self.values))


def empty_layer_cache(
    batch_size: int, n_kv_heads: int, n_slots: int, d_head: int, like: Tensor
) -> LayerCache:
    """Return a cache without tokens, with the dtype and device of `like`."""
    slots = like.new_zeros(2, batch_size, n_kv_heads, n_slots, d_head)
    return LayerCache(slots[0], slots[1])


class KVCache:
    """The caches of all layers, for one batch."""

    def __init__(
        self, layers: list[LayerCache], n_slots: int, padding: Int[Tensor, " B"] | None = None
    ) -> None:
        self.layers, self.n_slots, self.padding = layers, n_slots, padding

    @property
    def length(self) -> int:
        """Number of filled slots, padding included."""
        return self.layers[0].length

    def index(self, n_tokens: int) -> PositionIndex:
        """Return the positions of the next tokens; those of padding are 0.

        Raises:
            BadInput: fewer slots are left.
        """
        begin, end = self.length, self.length + n_tokens
        if end > self.n_slots:
            raise BadInput(f"{end} tokens do not fit into a cache of {self.n_slots} slots")
        if self.padding is None:
            return slice(begin, end)
        slots = torch.arange(begin, end, device=self.padding.device)
        return (slots - self.padding[:, None]).clamp(min=0)

    def select_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Keep these rows, in this order; a row whose number occurs twice is copied."""
        for layer in self.layers:
            layer.select_rows(rows)
        if self.padding is not None:
            self.padding = self.padding[rows]

    def truncate(self, length: int) -> None:
        """Keep the tokens in the first `length` slots; the next tokens overwrite the others."""
        for layer in self.layers:
            layer.length = min(length, layer.length)

    def mask(self, n_tokens: int) -> Bool[Tensor, "B 1 T S"] | None:
        """Return the mask of the next tokens, or None if no row has padding."""
        if self.padding is None:
            return None
        end, device = self.length + n_tokens, self.padding.device
        real = torch.arange(end, device=device) >= self.padding[:, None, None, None]
        past = causal_mask(n_tokens, end, device)
        # every token may see itself, padding too: some kernels give NaN for a query without any key
        itself = past.triu(end - n_tokens)  # the last true entry of each row
        return (past & real) | itself


def cache_bytes(
    n_tokens: int,
    n_layers: int,
    n_kv_heads: int,
    d_head: int,
    batch_size: int = 1,
    bytes_per_number: int = 4,
) -> int:
    r"""Return the memory of a cache: 2 (keys and values) L J K numbers per token and row.

    GPT-3 (96 layers, 96 heads of 128) keeps 2,359,296 numbers per token, 9.4 MB in fp32.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * batch_size * bytes_per_number
