import pytest
import torch

from gpt.architectures.beam_search import beam_search
from gpt.architectures.decoding import SourceDecoder, greedy_decode
from gpt.architectures.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from gpt.architectures.teacher_forcing import make_pair_batch, teacher_forcing_loss
from gpt.architectures.translation import (
    BEGIN,
    draw_cloze,
    draw_pairs,
    draw_reversal,
    draw_sentence,
    draw_translation,
    encode_pairs,
    exact_match,
    task_tokenizer,
    translate,
)
from gpt.errors import BadInput
from gpt.policy.rows import EpochSampler
from gpt.training.loop import LoopConfig, train

CONTEXT = 12


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("cat sees dog", "mira tolo veka"),  # the verb goes to the end, with the subject's ending
        ("dog sees cat", "tolo mira veko"),
        ("red cat sees red dog", "mira ruva tolo ruvo veka"),  # adjectives agree with their noun
        ("big red cat sees dog", "mira ruva grana tolo veka"),  # and are in reverse order
        ("cat sees dog not", "ne mira tolo veka"),
    ],
)
def test_each_rule_by_hand(source, target):
    assert translate(source) == target


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "it has 0 verbs instead of 1"),
        ("cat sees helps dog", "it has 2 verbs instead of 1"),
        ("cat sees", "'' is not a noun phrase"),
        ("cat red sees dog", "'cat red' is not a noun phrase"),
        ("cat sees unicorn", "'unicorn' is not a noun phrase"),
    ],
)
def test_words_that_are_no_sentence_are_refused(source, message):
    with pytest.raises(BadInput, match=message):
        translate(source)


def test_drawn_sentences_are_sentences_and_depend_on_the_generator_only():
    first, second = (
        [draw_sentence(torch.Generator().manual_seed(seed)) for seed in range(40)] for _ in "ab"
    )
    assert first == second and len(set(first)) > 35
    lengths = {len(sentence.split()) for sentence in first}
    assert min(lengths) >= 3 and max(lengths) <= 8
    assert all(translate(sentence) for sentence in first)


def test_a_cloze_hides_one_word_of_the_translation():
    for seed in range(20):
        source, answer = draw_cloze(torch.Generator().manual_seed(seed))
        words = source.replace("<mask>", answer).split()
        half = len(words) // 2  # a sentence and its translation have as many words
        assert " ".join(words[half:]) == translate(" ".join(words[:half]))
        assert source.split().index("<mask>") >= half


def test_reversals_are_reversed():
    source, target = draw_reversal(torch.Generator().manual_seed(0))
    assert source.split() == target.split()[::-1] and 3 <= len(source.split()) <= 8


def test_no_test_pair_is_a_training_pair_and_more_training_pairs_change_no_test_pair():
    split = draw_pairs(draw_translation, 60, 20, seed=0)
    assert len(set(split.train)) == 60 and len(set(split.test)) == 20
    assert not set(split.train) & set(split.test)
    assert draw_pairs(draw_translation, 10, 20, seed=0).test == split.test


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0)])
def test_a_split_without_pairs_is_refused(sizes):
    with pytest.raises(BadInput, match="needs pairs to train and to test on"):
        draw_pairs(draw_translation, *sizes, seed=0)


def test_more_pairs_than_there_are_sources_are_refused():
    with pytest.raises(BadInput, match="300 draws gave 1 different sources, not 3"):
        draw_pairs(lambda generator: ("cat sees dog", "mira veka tolo"), 2, 1, seed=0)


def test_an_unknown_word_is_refused():
    with pytest.raises(BadInput, match="the word 'unicorn' is not among"):
        encode_pairs(task_tokenizer(), [("cat sees unicorn", "")])


def test_exact_match_counts_texts_that_are_right_in_every_token():
    assert exact_match([[1, 2], [3], [4]], [[1, 2], [3, 3], [4]]) == 2 / 3
    with pytest.raises(BadInput, match="cannot compare 1 texts with 0 targets"):
        exact_match([[1]], [])


@pytest.mark.slow
@pytest.mark.parametrize("draw", [draw_translation, draw_reversal])
def test_held_out_pairs_are_solved_exactly_after_training(draw):
    tokenizer = task_tokenizer()
    end = tokenizer.end_of_text
    split = draw_pairs(draw, 3000, 100, seed=0)
    pairs, test = (encode_pairs(tokenizer, part) for part in split)
    torch.manual_seed(0)
    model = EncoderDecoder(EncoderDecoderConfig(tokenizer.vocab_size, CONTEXT, 2, 4, 64, 192))
    rows = EpochSampler(len(pairs), 64, seed=0)

    def batches(step):
        return [make_pair_batch([pairs[row] for row in rows(step)], BEGIN, end, CONTEXT)]

    for _ in train(model, batches, teacher_forcing_loss, LoopConfig(300, 3e-3)):
        pass
    model.eval()
    batch = make_pair_batch(test, BEGIN, end, CONTEXT)
    reader = SourceDecoder(model, batch.source, batch.source_kept, CONTEXT)
    written = greedy_decode(reader, len(test), BEGIN, end, CONTEXT)
    assert exact_match(written, [target for _, target in test]) >= 0.95
    for source, target in test[:10]:
        tokens, kept = torch.tensor([source]), torch.ones(1, len(source), dtype=torch.bool)
        best = beam_search(SourceDecoder(model, tokens, kept, CONTEXT), BEGIN, end, 4, CONTEXT)[0]
        assert best.tokens == [*target, end]
