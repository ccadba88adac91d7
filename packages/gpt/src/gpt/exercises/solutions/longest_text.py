"""The longest text whose cache fits into memory."""

from gpt.model.cache import cache_bytes


def longest_text(
    n_bytes: int,
    n_layers: int,
    n_kv_heads: int,
    d_head: int,
    batch_size: int,
    bytes_per_number: int,
) -> int:
    """Divide by the bytes of one more token in every row, since all rows grow together."""
    column = cache_bytes(1, n_layers, n_kv_heads, d_head, batch_size, bytes_per_number)
    return n_bytes // column
