"""How long a text a memory can hold."""

from gpt.model.cache import cache_bytes


def longest_text(
    n_bytes: int,
    n_layers: int,
    n_kv_heads: int,
    d_head: int,
    batch_size: int,
    bytes_per_number: int,
) -> int:
    """All rows grow together, so a column of tokens is what one more token costs."""
    column = cache_bytes(1, n_layers, n_kv_heads, d_head, batch_size, bytes_per_number)
    return n_bytes // column
