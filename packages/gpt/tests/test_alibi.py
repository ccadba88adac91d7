import pytest
import torch

from gpt.model.alibi import Alibi, alibi_bias, alibi_slopes
from gpt.model.attention import attention, causal_mask, fused_attention


def test_the_published_slopes_of_four_heads():
    assert alibi_slopes(4).tolist() == [0.25, 0.0625, 0.015625, 0.00390625]


def test_six_heads_take_the_four_slopes_and_every_second_one_of_eight():
    assert alibi_slopes(6).tolist() == [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]


@pytest.mark.parametrize("n_heads", range(1, 34))
def test_every_number_of_heads_has_slopes_of_its_own(n_heads):
    each = alibi_slopes(n_heads)
    assert len(set(each.tolist())) == n_heads
    assert ((each > 0) & (each < 1)).all()


def test_the_bias_of_three_positions_by_hand():
    # one head: its slope is 2^-8; for later keys the sign changes, and the mask hides them
    expected = torch.tensor([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]).double() / 256
    torch.testing.assert_close(alibi_bias(3, 3, 1)[0], expected)
    torch.testing.assert_close(alibi_bias(2, 3, 1)[0], expected[1:])


def test_the_mask_of_numbers_is_the_bias_where_a_key_is_visible():
    mask = Alibi(2)(None, 2, 3, torch.zeros(1))
    expected = torch.tensor([[-1, 0, -torch.inf], [-2, -1, 0]])
    torch.testing.assert_close(mask[0, 0], expected * 2**-4)
    torch.testing.assert_close(mask[0, 1], expected * 2**-8)


def test_attention_with_the_mask_of_numbers_is_the_equation_with_the_bias():
    q, k, v = (torch.randn(2, 3, 6, 4, dtype=torch.float64) for _ in range(3))
    fused = fused_attention(q, k, v, Alibi(3)(None, 6, 6, q))
    equation = attention(q, k, v, causal_mask(6, 6)[None, None], alibi_bias(6, 6, 3)[None])
    torch.testing.assert_close(fused, equation, rtol=0, atol=1e-12)


def test_the_table_grows_and_follows_the_format():
    alibi, x = Alibi(4), torch.zeros(1)
    first = alibi(None, 3, 3, x)
    assert alibi(None, 1, 40, x).shape == (1, 4, 1, 40)
    assert alibi(None, 2, 5, x.bfloat16()).dtype == torch.bfloat16
    torch.testing.assert_close(alibi(None, 3, 3, x), first)
