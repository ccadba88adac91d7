import numpy as np
import pytest
import torch

from gpt.errors import BadInput
from gpt.text.token_files import (
    RandomWindows,
    encode_documents,
    load_tokens,
    micro_batches,
    save_tokens,
)
from gpt.text.tokenizers import CharacterTokenizer


def test_documents_become_one_stream_with_end_of_text_after_each():
    tokenizer = CharacterTokenizer(["a", "b"])
    stream = encode_documents(tokenizer, ["ab", "b"])
    assert stream.tolist() == [0, 1, 2, 1, 2]
    assert stream.dtype == np.uint16


def test_a_token_file_is_mapped_and_not_read(tmp_path):
    save_tokens(tmp_path / "t.npy", np.array([1, 2, 3], np.uint16))
    tokens = load_tokens(tmp_path / "t.npy", 4)
    assert isinstance(tokens, np.memmap)
    assert tokens.tolist() == [1, 2, 3]


def test_an_id_beyond_the_vocabulary_is_named(tmp_path):
    save_tokens(tmp_path / "t.npy", np.array([1, 2, 3], np.uint16))
    with pytest.raises(BadInput, match="holds token 3, and the vocabulary ends at 2"):
        load_tokens(tmp_path / "t.npy", 3)


def test_targets_are_the_next_tokens():
    batch = RandomWindows(np.arange(50, dtype=np.uint16), context=8, batch_size=4, seed=0)(0)
    assert batch.tokens.shape == batch.targets.shape == (4, 8)
    torch.testing.assert_close(batch.targets, batch.tokens + 1)


def test_a_batch_depends_only_on_seed_and_step():
    tokens = np.arange(1000, dtype=np.uint16)
    one, other = (RandomWindows(tokens, 8, 4, seed=3) for _ in range(2))
    one(0)
    torch.testing.assert_close(one(7).tokens, other(7).tokens)
    assert not torch.equal(one(7).tokens, one(8).tokens)
    assert not torch.equal(one(7).tokens, RandomWindows(tokens, 8, 4, seed=4)(7).tokens)


def test_the_first_and_the_last_token_are_reached():
    windows = RandomWindows(np.arange(6, dtype=np.uint16), context=4, batch_size=50, seed=0)
    batch = windows(0)
    assert batch.tokens.min() == 0
    assert batch.targets.max() == 5


def test_a_text_shorter_than_the_context_is_refused():
    with pytest.raises(BadInput, match="has 8 tokens, and a context of 8 needs at least 9"):
        RandomWindows(np.arange(8, dtype=np.uint16), context=8, batch_size=1, seed=0)


def test_micro_batches_keep_every_row_and_the_last_may_be_smaller():
    batch = RandomWindows(np.arange(50, dtype=np.uint16), context=8, batch_size=7, seed=0)(0)
    pieces = micro_batches(batch, 3)
    assert [len(piece.tokens) for piece in pieces] == [3, 3, 1]
    torch.testing.assert_close(torch.cat([piece.targets for piece in pieces]), batch.targets)
