"""Does the cache of that many tokens fit, and the cache of one more token not?"""

from collections.abc import Callable

from gpt.model.cache import cache_bytes


def check(longest_text: Callable[[int, int, int, int, int, int], int]) -> None:
    """Check cases to work out in the head, then that one more token would not fit."""
    # a token is 2 x 1 layer x 1 head x 5 numbers of 1 byte: 10 bytes
    for n_bytes, batch_size, tokens in ((100, 1, 10), (109, 1, 10), (100, 2, 5), (9, 1, 0)):
        yours = longest_text(n_bytes, 1, 1, 5, batch_size, 1)
        assert yours == tokens, (
            f"{n_bytes} bytes for {batch_size} rows of 10 bytes per token: {tokens} tokens, "
            f"not {yours}"
        )
    shape = (32, 8, 128, 4, 2)
    yours = longest_text(16 * 2**30, *shape)
    assert cache_bytes(yours, *shape) <= 16 * 2**30, f"{yours} tokens of {shape} do not fit"
    assert cache_bytes(yours + 1, *shape) > 16 * 2**30, f"more than {yours} tokens of {shape} fit"
