"""The bias by distance of T5: its buckets by hand, its place in attention and in the model."""

import pytest
import torch

from gpt.errors import BadInput
from gpt.model.attention import attention, causal_mask, fused_attention, padding_mask
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.model.relative_bias import RelativeBias, bidirectional_buckets, causal_buckets

FIRST_OF_BUCKET = {  # 16 2^(3k/16), rounded up: the smallest distance in bucket 16 + k
    0: 0, 1: 1, 2: 2, 15: 15, 16: 16, 17: 19, 18: 21, 19: 24, 20: 27, 21: 31, 22: 35, 23: 40,
    24: 46, 25: 52, 26: 59, 27: 67, 28: 77, 29: 87, 30: 99, 31: 113,
}  # fmt: skip


def test_the_buckets_of_t5_by_hand():
    for bucket, distance in FIRST_OF_BUCKET.items():
        before, found = causal_buckets(torch.tensor([distance - 1, distance])).tolist()
        assert (before, found) == (max(bucket - 1, 0), bucket)
    assert causal_buckets(torch.tensor([127, 128, 129, 10_000])).tolist() == [31] * 4


def test_eight_buckets_of_which_each_wide_one_is_twice_as_wide_as_the_one_before():
    # n = 4 and M = 64: n log(d / n) / log(M / n) is log2(d / 4), so borders are at 4, 8, 16 and 32
    distances = torch.tensor([-5, 0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 999])
    expected = [0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7, 7]
    assert causal_buckets(distances, 8, 64).tolist() == expected


def test_an_encoder_has_half_of_its_buckets_for_later_keys():
    distances = torch.tensor([0, 1, 2, 100, -1, -2, -100])
    assert bidirectional_buckets(distances, 8, 64).tolist() == [0, 1, 2, 3, 5, 6, 7]


@pytest.mark.parametrize(
    ("n_buckets", "max_distance"), [(5, 20), (0, 20), (-2, 20), (8, 4), (8, 0)], ids=str
)
def test_buckets_that_cannot_cover_the_distances_are_refused(n_buckets, max_distance):
    message = f"{n_buckets} buckets cannot cover distances up to {max_distance}"
    with pytest.raises(BadInput, match=message):
        causal_buckets(torch.arange(3), n_buckets, max_distance)


def test_the_mask_of_numbers_by_hand():
    bias = RelativeBias(n_heads=2, n_buckets=4, max_distance=8)
    bias.weight.data = torch.tensor([[0.5, 10], [1.5, 20], [2.5, 30], [3.5, 40]])
    mask = bias(None, 2, 3, torch.zeros(1))
    assert mask[0, 0].tolist() == [[1.5, 0.5, -torch.inf], [2.5, 1.5, 0.5]]
    assert mask[0, 1].tolist() == [[20, 10, -torch.inf], [30, 20, 10]]


def test_attention_with_the_mask_of_numbers_is_the_equation_with_the_bias():
    """Also in gradients: those of the table add up over all pairs of a distance."""
    table = RelativeBias(3, n_buckets=4, max_distance=5).double()
    table.weight.data = torch.randn(4, 3, dtype=torch.float64)
    q, k, v, upstream = (torch.randn(2, 3, 6, 4, dtype=torch.float64) for _ in range(4))
    padding = causal_mask(6, 6) & padding_mask(torch.tensor([6, 4]), 6)
    everything = torch.ones(1, 1, 6, 6, dtype=torch.bool)
    fused = fused_attention(q, k, v, table(padding, 6, 6, q))
    equation = attention(q, k, v, padding, table(everything, 6, 6, q))
    torch.testing.assert_close(fused, equation, rtol=0, atol=1e-12)
    found, expected = (
        torch.autograd.grad(out, table.weight, upstream)[0] for out in (fused, equation)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert found.abs().min() > 0


def test_the_bias_follows_the_format_of_the_residual_stream():
    bias = RelativeBias(2)
    bias.weight.data.normal_()
    assert bias(None, 2, 5, torch.zeros(1).bfloat16()).dtype == torch.bfloat16


def test_all_layers_share_one_table_that_training_changes():
    torch.manual_seed(0)
    shape = {"vocab_size": 20, "context": 8, "n_layers": 3, "n_heads": 4, "d_model": 16, "d_ff": 8}
    model = GPT(GPTConfig(**shape, positions="t5"))
    without = GPT(GPTConfig(**shape, positions="none"))
    assert model.n_parameters() == without.n_parameters() + 32 * 4
    tokens = torch.randint(0, 20, (2, 8))
    model.loss(tokens, tokens).backward()
    slopes = model.distance_bias.weight.grad
    assert (slopes[:8] != 0).all()
    assert (slopes[8:] == 0).all()  # no pair of this text is that far apart


def test_a_longer_text_than_the_context_is_read_with_the_same_bias():
    torch.manual_seed(0)
    config = GPTConfig(20, context=8, n_layers=1, n_heads=2, d_model=8, d_ff=8, positions="t5")
    model, tokens = GPT(config).double(), torch.randint(0, 20, (1, 200))
    assert model(tokens).isfinite().all()
    model.distance_bias.weight.data[31] += 5  # the bias of 113 and more
    before, after = model(tokens[:, :113]), model(tokens[:, :114])
    torch.testing.assert_close(before, after[:, :113])
    model.distance_bias.weight.data[31] += 5
    moved = (model(tokens[:, :114]) - after)[0].abs().amax(dim=-1)
    assert moved[:113].max() < 1e-12 < moved[113]


def test_an_unknown_scheme_of_positions_is_refused_where_types_are_not_checked():
    config = GPTConfig()
    object.__setattr__(config, "positions", "T5")  # the tests check types, users need not
    with pytest.raises(BadInput, match="positions must be one of .*t5, none, got 'T5'"):
        config.__post_init__()
