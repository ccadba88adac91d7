"""Converting quantised weights back to float32: the block formats of GGML.

GGML (the library of llama.cpp, `ggml-common.h`) splits every row of a matrix into blocks of 32
numbers. A block holds a scale d, in some formats an offset m, and 32 small integers q:

    symmetric   w = d (q - middle)     Q4_0: 4 bits, middle 8   Q5_0: 5 bits, 16   Q8_0: 8 bits, 0
    affine      w = d q + m            Q4_1: 4 bits             Q5_1: 5 bits

d and m are float16, everything is little-endian. The byte layouts, from the left:

    Q4_0   d:2               low:16    18 bytes      Q5_0   d:2       high:4  low:16    22 bytes
    Q4_1   d:2  m:2          low:16    20 bytes      Q5_1   d:2  m:2  high:4  low:16    24 bytes
    Q8_0   d:2               q:32      34 bytes

Byte i of `low` holds the lower four bits of two integers: its lower half belongs to integer i, its
upper half to integer i + 16. Bit i of `high` is the fifth bit of integer i.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from gpt.errors import BadInput


def read_floats(
    blocks: UInt8[np.ndarray, "N bytes"], kind: str
) -> Float32[np.ndarray, "N numbers"]:
    """Read bytes as little-endian floats; kind `<f2`, float16, is that of scales and offsets."""
    return np.ascontiguousarray(blocks).view(kind).astype(np.float32)


def read_bf16(blocks: UInt8[np.ndarray, "N 2"]) -> Float32[np.ndarray, "N 1"]:
    """Read bfloat16: the upper half of a float32 whose lower half is zero."""
    upper = np.ascontiguousarray(blocks).view("<u2").astype(np.uint32)
    return (upper << 16).view(np.float32)


def four_bits(low: UInt8[np.ndarray, "N 16"]) -> UInt8[np.ndarray, "N 32"]:
    """Unpack 32 integers from 16 bytes: first all lower halves, then all upper halves."""
    return np.concatenate([low & 0x0F, low >> 4], axis=1)


def five_bits(packed: UInt8[np.ndarray, "N 20"]) -> UInt8[np.ndarray, "N 32"]:
    """Unpack 32 integers; their fifth bits come first, as one little-endian 32-bit number."""
    fifth = np.unpackbits(packed[:, :4], axis=1, bitorder="little")
    return four_bits(packed[:, 4:]) | fifth << 4


def symmetric(
    blocks: UInt8[np.ndarray, "N size"], unpack: Callable[..., np.ndarray], middle: int
) -> Float32[np.ndarray, "N 32"]:
    """Return d (q - middle); `unpack` returns the integers q."""
    scale, q = read_floats(blocks[:, :2], "<f2"), unpack(blocks[:, 2:])
    return scale * (q.astype(np.float32) - middle)


def affine(
    blocks: UInt8[np.ndarray, "N size"], unpack: Callable[..., np.ndarray]
) -> Float32[np.ndarray, "N 32"]:
    """Return d q + m; `unpack` returns the integers q."""
    scale, offset = read_floats(blocks[:, :2], "<f2"), read_floats(blocks[:, 2:4], "<f2")
    return scale * unpack(blocks[:, 4:]).astype(np.float32) + offset


class BlockFormat(NamedTuple):
    """Bytes per block, and the function that decodes blocks."""

    size: int
    decode: Callable[..., np.ndarray]


FORMATS = {
    "BF16": BlockFormat(2, read_bf16),
    "F16": BlockFormat(2, partial(read_floats, kind="<f2")),
    "F32": BlockFormat(4, partial(read_floats, kind="<f4")),
    "Q4_0": BlockFormat(18, partial(symmetric, unpack=four_bits, middle=8)),
    "Q4_1": BlockFormat(20, partial(affine, unpack=four_bits)),
    "Q5_0": BlockFormat(22, partial(symmetric, unpack=five_bits, middle=16)),
    "Q5_1": BlockFormat(24, partial(affine, unpack=five_bits)),
    "Q8_0": BlockFormat(34, partial(symmetric, unpack=lambda q: q.view(np.int8), middle=0)),
}


def dequantise(data: UInt8[np.ndarray, " bytes"], kind: str) -> Float32[np.ndarray, " numbers"]:
    """Return all numbers of a tensor in order; `kind` is GGML's name of the format.

    Raises:
        BadInput: the format is not in `FORMATS`, or the last block is incomplete.
    """
    if kind not in FORMATS:
        raise BadInput(f"cannot read weights of type {kind}; accepted are {', '.join(FORMATS)}")
    size, decode = FORMATS[kind]
    if len(data) % size:
        raise BadInput(
            f"{len(data)} bytes are not a multiple of {size}, the size of a {kind} block"
        )
    with np.errstate(all="ignore"):  # a damaged scale may be infinite or NaN
        return decode(data.reshape(-1, size)).reshape(-1)
