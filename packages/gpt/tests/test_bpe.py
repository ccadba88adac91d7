from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt.text import bpe
from gpt.text.fast_bpe import MergeRule, apply_merges_with_queue, train_merges_with_index

# few different characters, so that pairs repeat, or any characters at all
TEXTS = st.text(alphabet="ab c", max_size=60) | st.text(max_size=60)

train_functions = pytest.mark.parametrize(
    "train", [bpe.train_merges, train_merges_with_index], ids=["plain", "indexed"]
)


@train_functions
def test_the_example_of_the_paper_counted_by_hand(train):
    words = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
    merges = train(words, 4)
    # e s: 6 + 3 = 9; s t is as frequent, but e has the lower id. Then es t: 9; l o: 7; lo w: 7.
    assert bpe.token_bytes(merges)[256:] == [b"es", b"est", b"lo", b"low"]


@train_functions
def test_the_pair_with_the_highest_count_comes_first(train):
    merges = train(["ab ab ab cd cd"], 2)
    # " ab" occurs twice and "ab" once: the pair a, b counts 3; then " c", "cd" and " ab" count 2
    assert bpe.token_bytes(merges)[256] == b"ab"


@train_functions
def test_of_equally_frequent_pairs_the_one_with_the_lowest_ids_wins(train):
    merges = train(["zy", "ba", "yx"], 3)
    assert bpe.token_bytes(merges)[256:] == [b"ba", b"yx", b"zy"]


@train_functions
def test_a_merge_never_crosses_from_a_word_into_the_next(train):
    merges = train(["ab ab ab ab"], 10)
    assert bpe.token_bytes(merges)[256:] == [b"ab", b" ab"]


@train_functions
def test_counts_stay_exact_while_merging(train):
    """Counting the pairs of all words again after every merge gives the same merges."""
    text = "the theme of the thesis is the heat there; aaaa aaa aa a, banana bandana " * 3
    words = [bpe.byte_tokens(word) for word in bpe.WORD_REGEX.findall(text)]
    expected = []
    for token in range(256, 286):
        pairs = [pair for word in words for pair in pairwise(word)]
        if not pairs:
            break
        best = min(set(pairs), key=lambda pair: (-pairs.count(pair), pair))
        expected.append(best)
        words = [bpe.merge(word, best, token) for word in words]
    assert train([text], 30) == expected


@given(st.lists(TEXTS, max_size=3), st.integers(0, 40))
def test_the_indexed_training_learns_the_merges_of_the_plain_one(texts, n_merges):
    assert train_merges_with_index(texts, n_merges) == bpe.train_merges(texts, n_merges)


@given(TEXTS, TEXTS)
def test_the_queue_gives_the_tokens_of_the_plain_encoding(learned_from, text):
    merges = bpe.train_merges([learned_from, text[: len(text) // 2]], 40)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    rules = {pair: MergeRule(rank, 256 + rank) for pair, rank in ranks.items()}
    for word in (bpe.byte_tokens(word) for word in [text, *bpe.WORD_REGEX.findall(text)]):
        assert apply_merges_with_queue(word, rules) == bpe.apply_merges(word, ranks)


def test_merge_replaces_from_the_left():
    assert bpe.merge((1, 1, 1, 2), (1, 1), 9) == (9, 1, 2)


def test_encoding_follows_the_order_of_training_and_not_the_longest_match():
    # learned first: (b, c); then (a, b). In "abc" the pair (b, c) wins, though (a, b) comes first
    a, b, c = bpe.byte_tokens("abc")
    ranks = {(b, c): 0, (a, b): 1}
    assert bpe.apply_merges((a, b, c), ranks) == (a, 256)


def test_the_256_bytes_each_have_one_id():
    assert sorted(bpe.BYTE_OF_ID) == list(range(256))
    assert bpe.BYTE_OF_ID[:2] == b'!"'  # GPT-2's order begins with the printable characters


@given(st.text())
def test_the_words_of_a_text_spell_it(text):
    assert "".join(bpe.WORD_REGEX.findall(text)) == text


@given(st.text())
def test_merged_tokens_spell_the_same_bytes(text):
    merges = bpe.train_merges([text], 20)
    spelled = bpe.token_bytes(merges)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    tokens = [
        token
        for word in bpe.WORD_REGEX.findall(text)
        for token in bpe.apply_merges(bpe.byte_tokens(word), ranks)
    ]
    assert b"".join(spelled[token] for token in tokens) == text.encode()
