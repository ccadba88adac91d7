import numpy as np
import pytest

from gpt.errors import BadInput
from gpt.pretrained.dequantise import FORMATS, dequantise

ONE, HALF = [0x00, 0x3C], [0x00, 0x38]  # 1.0 and 0.5 in float16, little-endian


def read(kind, *parts):
    return dequantise(np.array([byte for part in parts for byte in part], np.uint8), kind).tolist()


def test_blocks_worked_by_hand():
    # Bytes 0x21 and 0xF0: numbers 0 and 1 are their lower halves, 16 and 17 their upper halves.
    low = [0x21, 0xF0] + [0x88] * 14
    numbers = [1, 0] + [8] * 14 + [2, 15] + [8] * 14
    assert read("Q4_0", HALF, low) == [0.5 * (q - 8) for q in numbers]
    assert read("Q4_1", HALF, ONE, low) == [0.5 * q + 1 for q in numbers]
    # High bits 1, 16 and 31 are set: 2 + 65536 + 2147483648 = 0x80010002.
    high = [0x02, 0x00, 0x01, 0x80]
    fives = [q + 16 * (i in (1, 16, 31)) for i, q in enumerate(numbers)]
    assert read("Q5_0", HALF, high, low) == [0.5 * (q - 16) for q in fives]
    assert read("Q5_1", HALF, ONE, high, low) == [0.5 * q + 1 for q in fives]
    # Signed bytes: 0x7F is 127, 0x80 is -128, 0xFF is -1.
    assert read("Q8_0", HALF, [0x7F, 0x80, 0xFF], [2] * 29) == [63.5, -64, -0.5] + [1] * 29


def test_plain_formats_worked_by_hand():
    assert read("F16", ONE, HALF) == [1, 0.5]
    assert read("BF16", [0x80, 0x3F], [0x00, 0xC0]) == [1, -2]
    assert read("F32", [0, 0, 0x80, 0x3F]) == [1]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_bit_equals_that_of_the_gguf_package(kind):
    gguf = pytest.importorskip("gguf", reason="baselines: needs the extra smollm2")
    rng = np.random.default_rng(0)
    # any bytes at all, so the scales are infinite or not a number too
    data = rng.integers(0, 256, 2000 * FORMATS[kind].size, dtype=np.uint8)
    with np.errstate(all="ignore"):
        ours = dequantise(data, kind)
        theirs = gguf.quants.dequantize(data, gguf.GGMLQuantizationType[kind])
    same = np.isnan(ours) & np.isnan(theirs) | (ours.view(np.uint32) == theirs.view(np.uint32))
    assert same.all()


def test_an_unknown_type_is_named():
    with pytest.raises(BadInput, match=r"weights of type Q4_K; accepted are BF16, .*Q8_0"):
        dequantise(np.zeros(144, np.uint8), "Q4_K")


def test_half_a_block_is_refused():
    with pytest.raises(BadInput, match="35 bytes are not a multiple of 34, the size of a Q8_0"):
        dequantise(np.zeros(35, np.uint8), "Q8_0")
