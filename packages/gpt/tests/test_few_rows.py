import pytest
import torch
import torch.nn.functional as F

from gpt.model.fast import linear
from gpt.model.fast.few_rows import linear_few_rows, output_block_size
from gpt.model.fast.linear import FastLinear, fast_linear


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (2, 3), (1, 16)])
def test_a_product_of_few_rows_is_the_product(bias, shape):
    x, weight = torch.randn(*shape, 24).double(), torch.randn(29 * 7, 24).double()
    offset = torch.randn(len(weight)).double() if bias else None
    y = linear_few_rows(x, weight, offset)
    torch.testing.assert_close(y, F.linear(x, weight, offset), rtol=1e-12, atol=1e-12)
    assert y.is_contiguous()


def test_blocks_are_of_equal_size():
    # 50,257 = 29 * 1,733, the vocabulary of GPT-2; 1,733 is a prime
    sizes = {50_257: 29, 49_152: 64, 2304: 64, 1733: 1, 130: 26}
    assert {n: output_block_size(n) for n in sizes} == sizes


def test_few_rows_are_multiplied_in_blocks_only_where_it_is_quicker(monkeypatch):
    calls = []
    monkeypatch.setattr(
        linear, "linear_few_rows", lambda *given: calls.append(given) or F.linear(*given)
    )
    large, row = FastLinear(512, 512), torch.randn(1, 1, 512)
    with torch.inference_mode():
        large(row)
        assert len(calls) == 1
        fast_linear(row.expand(1, 17, 512), large.weight)  # many rows
        fast_linear(row[..., :8], torch.randn(512, 8))  # few weights
        fast_linear(row, torch.randn(521, 512))  # a prime has no blocks
        fast_linear(row.bfloat16(), large.weight.bfloat16())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert large(row).dtype == torch.bfloat16
    large(row)  # training
    assert len(calls) == 1
