import torch

from gpt.model.attention import fused_attention
from gpt.model.config import GPTConfig
from gpt.model.fast.packed_attention import packed_attention
from gpt.model.fast.packing import Packing
from gpt.model.gpt import GPT

REAL = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
LAYOUT = Packing(REAL.flatten().nonzero()[:, 0], *REAL.shape)


def test_a_block_of_three_texts_by_hand():
    assert LAYOUT.indices.tolist() == [0, 1, 3, 4, 5, 6]
    assert LAYOUT.positions.tolist() == [[0, 1, 0, 1, 2, 0]]
    row = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])[None, None, :, None]
    block = LAYOUT.unpack(row)
    assert block[:, 0, :, 0].tolist() == [[1, 2, 0], [3, 4, 5], [6, 0, 0]]
    assert torch.equal(LAYOUT.pack(block), row)


def test_gradients_go_where_the_numbers_came_from():
    block = torch.randn(3, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    row = torch.randn(1, 2, 6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(LAYOUT.pack, (block,))
    assert torch.autograd.gradcheck(LAYOUT.unpack, (row,))


def test_in_a_packed_row_each_text_attends_only_to_itself():
    shape = (3, 2, 3, 4)
    q, k, v = (torch.randn(shape, dtype=torch.float64) for _ in range(3))
    expected = fused_attention(q, k, v)
    found = packed_attention(LAYOUT.pack(q), LAYOUT.pack(k), LAYOUT.pack(v), LAYOUT)
    torch.testing.assert_close(found, LAYOUT.pack(expected), rtol=0, atol=1e-12)


def test_a_block_of_the_model_takes_a_packed_row():
    config = GPTConfig(20, 8, n_layers=1, n_heads=4, n_kv_heads=2, d_model=16, d_ff=32)
    (block,) = GPT(config).double().blocks
    x = torch.randn(3, 3, 16, dtype=torch.float64)
    found = block(x[REAL][None], mask=LAYOUT)[0]
    torch.testing.assert_close(found, block(x)[REAL], rtol=0, atol=1e-12)
