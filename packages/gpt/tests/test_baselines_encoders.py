"""Encoders and encoder-decoders next to BERT and Marian of transformers, with the same weights."""

import pytest

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

import torch

from gpt.architectures import cross_attention
from gpt.architectures.beam_search import beam_search
from gpt.architectures.decoding import SourceDecoder
from gpt.architectures.masking import masked_language_loss
from gpt.architectures.teacher_forcing import teacher_forcing_loss
from gpt.baselines import generate_beams, named_gradients, small_bert, small_marian
from gpt.comparison import architectures
from gpt.comparison.architectures import (
    bert_loss,
    encoder_decoder_rows,
    marian_loss,
    random_masked_batch,
    random_pairs,
)
from gpt.comparison.renaming import (
    bert_weights,
    marian_weights,
    to_our_bert,
    to_our_encoder_decoder,
)

pytestmark = pytest.mark.baselines

BEGIN, END = 1, 2


def assert_all_close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=1e-4, msg=name)


def test_hidden_states_logits_loss_and_gradients_are_those_of_bert():
    library = small_bert(scale=0.1)
    ours, batch = to_our_bert(library), random_masked_batch(4, 20, 60)
    kept, attended = batch.kept, batch.kept.long()
    hidden = library.bert(batch.tokens, attention_mask=attended).last_hidden_state
    torch.testing.assert_close(
        ours.encoder(batch.tokens, kept)[kept], hidden[kept], atol=1e-5, rtol=1e-5
    )
    logits = library(batch.tokens, attention_mask=attended).logits
    assert logits[kept].std() > 0.1  # not all alike
    torch.testing.assert_close(ours(batch.tokens, kept)[kept], logits[kept], atol=1e-5, rtol=1e-5)
    loss, theirs = masked_language_loss(ours, batch), bert_loss(library, batch)
    torch.testing.assert_close(loss.total / loss.terms, theirs)
    (loss.total / loss.terms).backward()
    theirs.backward()
    assert_all_close(named_gradients(ours), bert_weights(named_gradients(library), 2))


def test_logits_loss_and_gradients_are_those_of_marian():
    library = small_marian(scale=0.1)
    ours, batch = to_our_encoder_decoder(library), random_pairs(4, 20, 60)
    source, source_kept, inputs, _, kept = batch
    logits = library(source, attention_mask=source_kept.long(), decoder_input_ids=inputs).logits
    assert logits[kept].std() > 0.1
    mine = ours(source, source_kept, inputs)
    torch.testing.assert_close(mine[kept], logits[kept], atol=1e-5, rtol=1e-5)
    loss, theirs = teacher_forcing_loss(ours, batch), marian_loss(library, batch)
    torch.testing.assert_close(loss.total / loss.terms, theirs)
    (loss.total / loss.terms).backward()
    theirs.backward()
    assert_all_close(named_gradients(ours), marian_weights(named_gradients(library), 2))


@pytest.mark.parametrize(("n_beams", "exponent"), [(4, 0.0), (3, 1.0), (2, 0.6)])
def test_beams_and_their_scores_are_those_of_generate(n_beams, exponent):
    library = small_marian(scale=0.3)
    library.final_logits_bias[0, END] = 6.0  # or hardly any text would end before the limit
    ours, lengths = to_our_encoder_decoder(library), set()
    for _ in range(4):
        source = torch.randint(3, 60, (1, 7))
        reader = SourceDecoder(ours, source, torch.ones_like(source, dtype=torch.bool), 10)
        mine = beam_search(reader, BEGIN, END, n_beams, 10, lambda n: n**exponent)
        theirs = generate_beams(library, source[0].tolist(), n_beams, 10, exponent)
        assert [each.tokens for each in mine] == theirs.tokens
        torch.testing.assert_close(
            torch.tensor([each.score for each in mine]), torch.tensor(theirs.scores)
        )
        lengths |= {len(each.tokens) for each in mine}
    assert len(lengths) > 1  # some texts have ended, others were cut off


def test_a_cross_attention_without_its_mask_is_found(monkeypatch):
    attend = cross_attention.full_attention
    monkeypatch.setattr(cross_attention, "full_attention", lambda q, k, v, mask: attend(q, k, v))
    rows = {row.name: row for row in encoder_decoder_rows()}
    assert not rows["Marian, logits with padding"].is_equal
    assert not rows["Marian, gradients"].is_equal


def test_wrong_beam_scores_are_found(monkeypatch):
    def without_a_length_penalty(*arguments, length_penalty):
        return beam_search(*arguments)

    monkeypatch.setattr(architectures, "beam_search", without_a_length_penalty)
    rows = {row.name: row for row in architectures.beam_rows()}
    assert not rows["Marian, scores of the beams"].is_equal


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["encoder_step_row", "encoder_decoder_step_row"])
def test_a_training_step_is_equal_and_has_times(measure):
    row = getattr(architectures, measure)()
    assert row.is_equal
    assert row.ours_s > 0 and row.library_s > 0 and row.floor == 1
