import pytest
import torch

from gpt.architectures.classifier import (
    LabelledBatch,
    SequenceClassifier,
    classification_loss,
    first_token_pooling,
    mean_pooling,
)
from gpt.architectures.encoder import Encoder, EncoderConfig, MaskedLanguageModel
from gpt.architectures.masking import mask_tokens, masked_language_loss
from gpt.architectures.padding import pad_sequences
from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.training.loop import LoopConfig, train

SHAPE = {"vocab_size": 12, "context": 8, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32}
LEARNER = SHAPE | {"n_layers": 1, "d_model": 32, "d_ff": 64, "norm": "pre"}


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_future_token_changes_a_past_output_and_in_a_gpt_it_does_not(norm):
    tokens = torch.tensor([[3, 4, 5, 6]])
    changed = torch.tensor([[3, 4, 5, 7]])
    encoder, gpt = Encoder(EncoderConfig(**SHAPE, norm=norm)), GPT(GPTConfig(**SHAPE, norm=norm))
    moved = (encoder(tokens) - encoder(changed)).abs().amax(dim=-1)[0]
    assert (moved > 1e-5).all()
    moved = (gpt.hidden(tokens) - gpt.hidden(changed)).abs().amax(dim=-1)[0]
    assert moved[:3].max() == 0 and moved[3] > 1e-3


def test_padding_changes_no_output():
    encoder = Encoder(EncoderConfig(**SHAPE))
    rows = [[3, 4, 5, 6, 7], [8, 9]]
    tokens, kept = pad_sequences(rows, context=8)
    together = encoder(tokens, kept)
    for row, each in enumerate(rows):
        alone = encoder(torch.tensor([each]))
        torch.testing.assert_close(together[row, : len(each)], alone[0])
    tokens[1, 2:] = 11  # whatever the padding is
    torch.testing.assert_close(encoder(tokens, kept)[1, :2], together[1, :2])


def test_without_positions_the_order_of_the_tokens_would_not_matter():
    encoder = Encoder(EncoderConfig(**SHAPE))
    order = torch.tensor([2, 0, 3, 1])
    tokens = torch.tensor([[3, 4, 5, 6]])
    assert not torch.allclose(encoder(tokens)[:, order], encoder(tokens[:, order]), atol=1e-5)
    encoder.positions.weight.data.zero_()
    torch.testing.assert_close(encoder(tokens)[:, order], encoder(tokens[:, order]))


def test_pooling_by_hand_leaves_padding_out():
    x = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [50.0, 70.0]], [[5.0, 0.0], [9.0, 9.0], [9.0, 9.0]]])
    kept = torch.tensor([[True, True, False], [True, False, False]])
    assert mean_pooling(x, kept).tolist() == [[2.0, 4.0], [5.0, 0.0]]
    assert mean_pooling(x.double(), kept).dtype == torch.float64
    assert mean_pooling(x.bfloat16(), kept).dtype == torch.bfloat16
    assert first_token_pooling(x, kept).tolist() == [[1.0, 2.0], [5.0, 0.0]]


@pytest.mark.parametrize("positions", ["rotary", "alibi", "none"])
def test_positions_that_the_encoder_does_not_have_are_refused(positions):
    with pytest.raises(BadInput, match=f"must be learned or sinusoidal, got '{positions}'"):
        EncoderConfig(**SHAPE, positions=positions)


def test_a_text_longer_than_the_context_is_refused():
    with pytest.raises(BadInput, match="position 8 is beyond the context of 8 positions"):
        Encoder(EncoderConfig(**SHAPE))(torch.zeros(1, 9, dtype=torch.long))


def test_a_masked_token_that_only_its_right_neighbour_gives_away_is_learned():
    """The first token is always masked, and equals the second plus 3 (mod 9)."""

    def batch(step):
        generator = torch.Generator().manual_seed(step)
        second = torch.randint(9, (32, 1), generator=generator)
        rows = torch.cat([(second + 3) % 9, second], dim=1) + 1
        padded = pad_sequences(rows.tolist(), context=8)
        first = torch.tensor([True, False]).expand(32, 2)
        return mask_tokens(padded, 10, 12, generator, maskable=first)

    model = MaskedLanguageModel(EncoderConfig(**LEARNER))
    loop = LoopConfig(steps=40, learning_rate=3e-2)
    losses = [r.loss for r in train(model, lambda step: [batch(step)], masked_language_loss, loop)]
    assert losses[0] > 2.2  # ln 12 = 2.5
    assert max(losses[-5:]) < 0.1


@pytest.mark.parametrize("pooling", [mean_pooling, first_token_pooling])
def test_a_classifier_learns_which_of_two_tokens_comes_first(pooling):
    """Every second row has two more tokens, which mean nothing."""

    def batch(step, n_rows=64):
        generator = torch.Generator().manual_seed(step)
        labels = torch.randint(2, (n_rows,), generator=generator)
        rows = torch.randint(4, 12, (n_rows, 5), generator=generator)
        rows[:, 0], rows[:, 1], rows[:, 2] = 1, 2 + labels, 3 - labels
        lengths = [3 + 2 * (number % 2) for number in range(n_rows)]
        tokens, kept = pad_sequences(
            [row[:length] for row, length in zip(rows.tolist(), lengths, strict=True)], context=8
        )
        return LabelledBatch(tokens, kept, labels)

    model = SequenceClassifier(Encoder(EncoderConfig(**LEARNER)), pooling, n_classes=2)
    loop = LoopConfig(steps=60, learning_rate=1e-2)
    for _ in train(model, lambda step: [batch(step)], classification_loss, loop):
        pass
    unseen = batch(10**6, n_rows=200)
    right = model(unseen.tokens, unseen.kept).argmax(dim=-1) == unseen.labels
    assert right.float().mean() > 0.95
