"""Exercise of the chapter on generation: how long a text a memory can hold."""


def longest_text(
    n_bytes: int,
    n_layers: int,
    n_kv_heads: int,
    d_head: int,
    batch_size: int,
    bytes_per_number: int,
) -> int:
    """The most tokens a row may have, so that the keys and values of all rows fit in `n_bytes`."""
    raise NotImplementedError
