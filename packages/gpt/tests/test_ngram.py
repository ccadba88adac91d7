import numpy as np
import pytest

from gpt.evaluation.ngram import kneser_ney
from gpt.text.corpus import reference_topics
from gpt.text.documents import split_documents
from gpt.text.token_files import encode_documents
from gpt.text.tokenizers import BytePairTokenizer

A, B, C, END = range(4)


def test_a_bigram_model_by_hand():
    # stream: END a b a c a b   (the history begins with END)
    # bigrams: END-a 1, a-b 2, b-a 1, a-c 1, c-a 1; after a: 3 in all, 2 different
    # below: distinct bigrams ending in a 3 (END, b, c), in b 1, in c 1; 5 in all, 3 different
    # p1(b) = (1 - .75) / 5 + .75 * 3 / 5 / 4 = .1625; p1(c) the same; p1(a) = 2.25 / 5 + .1125
    # p(b | a) = (2 - .75) / 3 + .75 * 2 / 3 * .1625 = .497917
    # p(c | a) = (1 - .75) / 3 + .5 * .1625          = .164583
    # p(a | b) = (1 - .75) / 1 + .75 * 1 / 1 * .5625 = .671875
    train = np.array([A, B, A, C, A, B])
    found = kneser_ney(train, np.array([A, B, A, C]), order=2, vocab_size=4)
    np.testing.assert_allclose(found, [0.4979166667, 0.671875, 0.1645833333])


def test_a_unigram_model_by_hand():
    # counts a 3, b 2, c 1 of 6, three different: p(a) = 2.25 / 6 + .75 * 3 / 6 / 4 = .46875
    found = kneser_ney(np.array([A, B, A, C, A, B]), np.array([B, A, END]), 1, 4)
    np.testing.assert_allclose(found, [0.46875, 0.09375])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_probabilities_after_any_history_sum_to_one(order):
    random = np.random.default_rng(0)
    train = random.integers(0, 6, 200)
    for history in ([0, 1], [5, 5], [3, 2], [6, 6]):  # token 6 never occurs: an unseen history
        total = sum(
            kneser_ney(train, np.array([*history, token]), order, 7)[-1] for token in range(7)
        )
        assert total == pytest.approx(1)


def test_more_context_predicts_real_text_better():
    split = split_documents(reference_topics(), 0.1, 0)
    tokenizer = BytePairTokenizer.train(split.train, 512)
    train, test = (encode_documents(tokenizer, documents) for documents in split)
    loss = [
        -np.log(kneser_ney(train, test, order, tokenizer.vocab_size)).mean() for order in (1, 2, 3)
    ]
    assert loss[2] < loss[1] < loss[0]
    assert loss[0] < np.log(tokenizer.vocab_size)
