"""32 weights from 18 bytes."""

import struct


def q4_0_block(data: bytes) -> list[float]:
    """Read first all lower halves of the bytes, then all upper halves."""
    (scale,) = struct.unpack("<e", data[:2])
    integers = [byte & 15 for byte in data[2:]] + [byte >> 4 for byte in data[2:]]
    return [scale * (q - 8) for q in integers]
