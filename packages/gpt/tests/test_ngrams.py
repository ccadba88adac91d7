import torch

from gpt.model.gpt import GPT, GPTConfig
from gpt.model.ngrams import HASH_BASE, NgramEmbedding, ngram_hash


def test_hashes_by_hand():
    tokens = torch.tensor([[3, 1, 2]])
    assert ngram_hash(tokens, 2).tolist() == [[3, 1 + 3 * HASH_BASE, 2 + HASH_BASE]]
    assert ngram_hash(tokens, 3).tolist() == [
        [3, 1 + 3 * HASH_BASE, 2 + HASH_BASE + 3 * HASH_BASE**2]
    ]


def test_a_position_gets_its_row_and_those_of_the_ngrams_that_end_there():
    embedding = NgramEmbedding(5, 4, (7, 11))
    pairs, triples = embedding.tables
    out = embedding(torch.tensor([[3, 1, 2]]))[0, 2]
    triple = 2 + HASH_BASE + 3 * HASH_BASE**2
    expected = embedding.weight[2] + pairs[(2 + HASH_BASE) % 7] + triples[triple % 11]
    torch.testing.assert_close(out, expected)


def test_future_tokens_do_not_change_past_logits():
    model = GPT(GPTConfig(20, 8, 1, 2, 16, 16))
    model.embedding = NgramEmbedding(20, 16, (31, 31))
    tokens = torch.randint(0, 20, (2, 8))
    changed = tokens.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 20
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])
