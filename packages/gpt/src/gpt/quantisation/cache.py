"""A KV cache of 8 bits: one scale per token and head, for the key and for the value.

With long texts or many rows, the cache is larger than the weights. Each key and each value is
quantised once, when it is stored, by the equation of `rounding`; the K numbers of a head are the
group. Attention reads floats, which exist for one layer at a time. With 2 bits, the keys need a
scale per channel, because some channels are large in every token (Liu et al. 2024, "KIVI"); with 8
bits they do not.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int, Int8
from torch import Tensor

from gpt.model.cache import KVCache, LayerCache
from gpt.model.gpt import GPT
from gpt.quantisation.rounding import QuantisedWeights, dequantise_weights, quantise_weights


@dataclass(eq=False)
class QuantisedVectors:
    """Vectors of 8 bits per number, in slots."""

    integers: Int8[Tensor, "B J S K"]
    scales: Float[Tensor, "B J S"]

    def store(self, x: Float[Tensor, "B J T K"], begin: int) -> None:
        """Quantise x into the slots from `begin`."""
        end = begin + x.shape[2]
        integers, scales = quantise_weights(rearrange(x, "B J T K -> (B J T) K"), bits=8)
        self.integers[:, :, begin:end] = integers.view(x.shape)
        self.scales[:, :, begin:end] = scales.view(x.shape[:-1])

    def read(self, end: int, dtype: torch.dtype) -> Float[Tensor, "B J S K"]:
        """Return the vectors in the slots before `end`."""
        integers, scales = self.integers[:, :, :end], self.scales[:, :, :end]
        rows = QuantisedWeights(integers.flatten(0, 2), scales.flatten()[:, None])
        return dequantise_weights(rows).view(integers.shape).to(dtype)

    def select_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Keep these rows, in this order."""
        self.integers, self.scales = self.integers[rows], self.scales[rows]

    @property
    def nbytes(self) -> int:
        """Memory of all slots."""
        return self.integers.nbytes + self.scales.nbytes


class QuantisedLayerCache(LayerCache):
    """`LayerCache` that keeps 8 bits per number."""

    keys: QuantisedVectors  # pyright: ignore[reportIncompatibleVariableOverride]
    values: QuantisedVectors  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, keys: QuantisedVectors, values: QuantisedVectors) -> None:
        self.keys, self.values = keys, values  # pyright: ignore[reportIncompatibleVariableOverride]
        self.length = 0

    def extend(
        self, k: Float[Tensor, "B J T K"], v: Float[Tensor, "B J T K"]
    ) -> tuple[Float[Tensor, "B J S K"], Float[Tensor, "B J S K"]]:
        """Store the new keys and values, and return all that are stored, rounded."""
        begin, self.length = self.length, self.length + k.shape[2]
        self.keys.store(k, begin)
        self.values.store(v, begin)
        return self.keys.read(self.length, k.dtype), self.values.read(self.length, v.dtype)

    def select_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Keep these rows, in this order; a row whose number occurs twice is copied."""
        self.keys.select_rows(rows)
        self.values.select_rows(rows)


def quantised_layer_cache(
    batch_size: int, n_kv_heads: int, n_slots: int, d_head: int, like: Tensor
) -> LayerCache:
    """Return a cache without tokens, on the device of `like`."""
    keys, values = (
        QuantisedVectors(
            like.new_zeros(batch_size, n_kv_heads, n_slots, d_head, dtype=torch.int8),
            like.new_zeros(batch_size, n_kv_heads, n_slots, dtype=torch.bfloat16),
        )
        for _ in range(2)
    )
    return QuantisedLayerCache(keys, values)


def quantise_cache(model: GPT) -> GPT:
    """Let every new cache of this model keep 8 bits per number; return the model."""
    model.empty_layer_cache = quantised_layer_cache
    return model


def stored_cache_bytes(cache: KVCache) -> int:
    """Return the memory of all slots of a cache of any kind."""
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
