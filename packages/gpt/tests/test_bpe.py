from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gpt.text import bpe


def spell(merges):
    return bpe.token_bytes(merges)


def test_the_example_of_the_paper_counted_by_hand():
    words = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
    merges = bpe.train_merges(words, 4)
    # e s: 6 + 3 = 9, and s t as often, but e has the lower id. Then es t: 9; l o: 7; lo w: 7.
    assert spell(merges)[256:] == [b"es", b"est", b"lo", b"low"]


def test_the_pair_with_the_highest_count_comes_first():
    merges = bpe.train_merges(["ab ab ab cd cd"], 2)
    # " ab" stands twice and "ab" once: the pair a, b counts 3; then " c" and "cd" and " ab" count 2
    assert spell(merges)[256] == b"ab"


def test_of_equally_frequent_pairs_the_one_with_the_lowest_ids_wins():
    merges = bpe.train_merges(["zy", "ba", "yx"], 3)
    assert spell(merges)[256:] == [b"ba", b"yx", b"zy"]


def test_a_merge_never_crosses_from_a_word_into_the_next():
    merges = bpe.train_merges(["ab ab ab ab"], 10)
    assert spell(merges)[256:] == [b"ab", b" ab"]


def test_merge_replaces_from_the_left():
    assert bpe.merge((1, 1, 1, 2), (1, 1), 9) == (9, 1, 2)


def test_encoding_follows_the_order_of_training_and_not_the_longest_match():
    # learned first: (b, c); then (a, b). In "abc" the pair (b, c) wins, though (a, b) stands first
    a, b, c = bpe.byte_tokens("abc")
    ranks = {(b, c): 0, (a, b): 1}
    assert bpe.apply_merges((a, b, c), ranks) == (a, 256)


def test_counts_stay_exact_while_merging():
    """Counting everything again after every merge, the slow way, gives the same merges."""
    text = "the theme of the thesis is the heat there; aaaa aaa aa a, banana bandana " * 3
    words = [bpe.byte_tokens(word) for word in bpe.WORD_REGEX.findall(text)]
    slow = []
    for token in range(256, 286):
        pairs = [pair for word in words for pair in pairwise(word)]
        if not pairs:
            break
        best = min(set(pairs), key=lambda pair: (-pairs.count(pair), pair))
        slow.append(best)
        words = [bpe.merge(word, best, token) for word in words]
    assert bpe.train_merges([text], 30) == slow


def test_the_256_bytes_each_have_one_id():
    assert sorted(bpe.BYTE_OF_ID) == list(range(256))
    assert bpe.BYTE_OF_ID[:2] == b'!"'  # GPT-2's order begins with the characters that print


@given(st.text())
def test_the_words_of_a_text_spell_it(text):
    assert "".join(bpe.WORD_REGEX.findall(text)) == text


@given(st.text())
def test_merged_tokens_spell_the_same_bytes(text):
    merges = bpe.train_merges([text], 20)
    spelled = spell(merges)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    tokens = [
        t
        for word in bpe.WORD_REGEX.findall(text)
        for t in bpe.apply_merges(bpe.byte_tokens(word), ranks)
    ]
    assert b"".join(spelled[token] for token in tokens) == text.encode()
