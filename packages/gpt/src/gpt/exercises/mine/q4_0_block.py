"""Exercise of the chapter on a real model: 32 weights from 18 bytes."""


def q4_0_block(data: bytes) -> list[float]:
    """Return the numbers in a block of GGML's format Q4_0: w = d (q - 8).

    Args:
        data: d as a little-endian float16, then 16 bytes; byte i holds number i in its lower half
            and number i + 16 in its upper half.
    """
    raise NotImplementedError
