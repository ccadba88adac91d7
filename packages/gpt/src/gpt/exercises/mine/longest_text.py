"""Exercise of the chapter on generation: the longest text whose cache fits into memory."""


def longest_text(
    n_bytes: int,
    n_layers: int,
    n_kv_heads: int,
    d_head: int,
    batch_size: int,
    bytes_per_number: int,
) -> int:
    """Return the most tokens per row for which all keys and values fit into `n_bytes`."""
    raise NotImplementedError
