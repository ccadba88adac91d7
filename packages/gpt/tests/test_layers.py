import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gpt.model import layers
from gpt.model.layers import (
    Dropout,
    Linear,
    TokenEmbedding,
    dropout,
    linear,
    linear_few_rows,
    output_block_size,
)


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    out = dropout(torch.ones(100_000), 0.3, torch.Generator().manual_seed(0))
    assert out.unique().tolist() == [0, pytest.approx(1 / 0.7)]
    # three standard errors of a share over 100,000 draws: 3 sqrt(.3 * .7 / 100000) = .0043
    assert (out == 0).float().mean() == pytest.approx(0.3, abs=0.0044)
    assert out.mean() == pytest.approx(1, abs=0.0044 / 0.7)


def test_dropout_acts_in_training_only():
    layer, x = Dropout(0.5), torch.ones(1000)
    assert (layer(x) == 0).any()
    torch.testing.assert_close(layer.eval()(x), x)


def test_the_embedding_agrees_with_torch_and_scales():
    library, tokens = nn.Embedding(10, 4), torch.tensor([[1, 9, 1]])
    for scale in (1.0, math.sqrt(4)):
        ours = TokenEmbedding(10, 4, scale)
        ours.weight.data = library.weight.data
        torch.testing.assert_close(ours(tokens), scale * library(tokens))


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


def test_few_rows_have_their_own_way_where_it_is_quicker(monkeypatch):
    taken = []
    monkeypatch.setattr(
        layers, "linear_few_rows", lambda *given: taken.append(given) or F.linear(*given)
    )
    large, row = Linear(512, 512), torch.randn(1, 1, 512)
    with torch.inference_mode():
        large(row)
        assert len(taken) == 1
        linear(row.expand(1, 17, 512), large.weight)  # many rows
        linear(row[..., :8], torch.randn(512, 8))  # few weights
        linear(row, torch.randn(521, 512))  # a prime has no blocks
        linear(row.bfloat16(), large.weight.bfloat16())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert large(row).dtype == torch.bfloat16
    large(row)  # learning
    assert len(taken) == 1
