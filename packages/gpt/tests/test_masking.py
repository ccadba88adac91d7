import pytest
import torch

from gpt.architectures.encoder import EncoderConfig, MaskedLanguageModel
from gpt.architectures.masking import (
    MaskedBatch,
    mask_tokens,
    masked_language_loss,
    select_positions,
)
from gpt.architectures.padding import PaddedTokens, pad_sequences
from gpt.errors import BadInput

MASK = 9


def seed(number=0):
    return torch.Generator().manual_seed(number)


def test_padding_by_hand():
    tokens, kept = pad_sequences([[5, 6, 7], [8]], context=3)
    assert tokens.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert kept.tolist() == [[True, True, True], [True, False, False]]


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "at least one sequence, got none"),
        ([[1], []], "sequence 1 has 0 tokens; it must have between 1 and 3"),
        ([[1, 2, 3, 4]], "sequence 0 has 4 tokens; it must have between 1 and 3"),
    ],
)
def test_sequences_that_cannot_be_padded_are_refused(sequences, message):
    with pytest.raises(BadInput, match=message):
        pad_sequences(sequences, context=3)


def test_each_row_gets_its_rounded_fraction_and_at_least_one_position():
    kept = torch.arange(20) < torch.tensor([20, 10, 7, 2])[:, None]
    selected = select_positions(kept, 0.15, seed())
    assert selected.sum(dim=1).tolist() == [3, 2, 1, 1]  # 3, 1.5 (to even), 1.05, .3
    assert not (selected & ~kept).any()


def test_every_position_is_selected_equally_often():
    kept = torch.ones(5_000, 5, dtype=torch.bool)
    shares = select_positions(kept, 0.4, seed()).float().mean(dim=0)
    torch.testing.assert_close(shares, torch.full((5,), 0.4), atol=0.03, rtol=0)


def test_of_the_selected_tokens_80_percent_are_masked_10_random_and_10_kept():
    tokens = torch.full((100, 100), 3)
    batch = PaddedTokens(tokens, torch.ones_like(tokens, dtype=torch.bool))
    masked = mask_tokens(batch, MASK, 1000, seed())
    hidden = masked.tokens[masked.selected]
    assert len(hidden) == len(masked.targets) == 100 * 15
    assert (masked.targets == 3).all()
    assert (masked.tokens[~masked.selected] == 3).all()
    shares = [(hidden == MASK).float().mean(), (hidden == 3).float().mean()]
    torch.testing.assert_close(torch.stack(shares), torch.tensor([0.8, 0.1]), atol=0.03, rtol=0)
    random = hidden[(hidden != MASK) & (hidden != 3)].float()
    assert 450 < random.mean() < 550  # uniform over the vocabulary
    again = mask_tokens(batch, MASK, 1000, seed())
    assert torch.equal(again.tokens, masked.tokens)


def test_padding_and_protected_positions_are_never_selected():
    batch = pad_sequences([[1, 4, 5, 2], [1, 6, 2]], context=4)
    maskable = batch.kept & (batch.tokens > 2)
    for number in range(20):
        masked = mask_tokens(batch, MASK, 10, seed(number), 0.9, maskable)
        assert masked.selected.tolist() == [[False, True, True, False], [False, True, False, False]]
        assert masked.targets.tolist() == [4, 5, 6]


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, 15.0, float("nan")])
def test_a_mask_probability_outside_0_and_1_is_refused(probability):
    batch = pad_sequences([[1, 2]], context=2)
    with pytest.raises(BadInput, match="must be between 0 and 1, got"):
        mask_tokens(batch, MASK, 10, seed(), probability)


def test_a_row_without_a_position_to_mask_is_refused():
    batch = pad_sequences([[4, 5], [1, 2]], context=2)
    with pytest.raises(BadInput, match="row 1 has no position that may be masked"):
        mask_tokens(batch, MASK, 10, seed(), maskable=batch.tokens > 2)


def test_a_mask_token_outside_the_vocabulary_is_refused():
    with pytest.raises(BadInput, match="the mask token 10 is not among the 10 tokens"):
        mask_tokens(pad_sequences([[1]], context=2), 10, 10, seed())


def tiny_model():
    return MaskedLanguageModel(EncoderConfig(10, 6, n_layers=1, n_heads=2, d_model=8, d_ff=16))


def test_the_loss_is_the_cross_entropy_of_the_selected_positions_and_of_no_others():
    model, batch = tiny_model(), pad_sequences([[4, 5, 6, 7], [8, 4]], context=6)
    masked = mask_tokens(batch, MASK, 10, seed(), 0.5)
    loss = masked_language_loss(model, masked)
    assert loss.terms == masked.selected.sum() == 3
    logprobs = model(masked.tokens, masked.kept).log_softmax(dim=-1)
    rows, places = torch.where(masked.selected)
    expected = -sum(
        logprobs[row, place, batch.tokens[row, place]]
        for row, place in zip(rows, places, strict=True)
    )
    torch.testing.assert_close(loss.total, expected)
    nothing = MaskedBatch(
        masked.tokens, masked.kept, torch.zeros_like(masked.kept), batch.tokens[0, :0]
    )
    assert masked_language_loss(model, nothing) == (0, 0)
