"""Are these the numbers of a block?"""

import struct
from collections.abc import Callable

import numpy as np

from gpt.pretrained.dequantise import dequantise


def check(q4_0_block: Callable[[bytes], list[float]]) -> None:
    """Check a block to work out with a pencil, then one against the package."""
    # the first byte is 0x3A: number 0 is 10 - 8 = 2 scales, number 16 is 3 - 8 = -5; 0x88 is zero
    yours = list(q4_0_block(struct.pack("<e", 0.5) + bytes([0x3A] + 15 * [0x88])))
    assert len(yours) == 32, f"a block has 32 numbers, not {len(yours)}"
    expected = [1.0] + 15 * [0.0] + [-2.5] + 15 * [0.0]
    for place, (number, right) in enumerate(zip(yours, expected, strict=True)):
        assert number == right, f"d 0.5, first byte 0x3A: number {place} is {right}, not {number}"

    data = struct.pack("<e", -0.25) + bytes(range(7, 247, 15))
    right = dequantise(np.frombuffer(data, np.uint8), "Q4_0").tolist()
    yours = list(q4_0_block(data))
    assert yours == right, f"{data.hex()} is {right}, and you give {yours}"
