"""32 weights from 18 bytes."""

import struct


def q4_0_block(data: bytes) -> list[float]:
    """First all lower halves, then all upper halves."""
    (scale,) = struct.unpack("<e", data[:2])
    integers = [byte & 15 for byte in data[2:]] + [byte >> 4 for byte in data[2:]]
    return [scale * (q - 8) for q in integers]
