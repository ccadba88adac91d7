import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.fast_bpe import MergeRule, apply_merges_with_queue
from gpt.text.pretrained_tokenizer import AddedToken, PretrainedTokenizer
from gpt.text.tokenizer_export import to_pretrained_tokenizer
from gpt.text.tokenizers import Tokenizer, decode, load_tokenizer, save_tokenizer

TEXT = "Return the number of items in a list. The list's items are numbers: 1, 22, 333.\n" * 4
BPE = BytePairTokenizer.train([TEXT], 320)

# Two added tokens, six letters, a space (written as U+0120), and the results of three merges.
SMALL = PretrainedTokenizer(
    vocab={
        text: token
        for token, text in enumerate(["<end>", "<mark>", *"abcdef", "Ġ", "ab", "cd", "abcd", "ef"])
    },
    merges=[("c", "d"), ("a", "b"), ("ab", "cd")],  # "ef" is a token that no merge makes
    splits=[bpe.WORD_REGEX.pattern],
    added=[
        AddedToken(0, "<end>", special=True),
        AddedToken(1, "<mark>", special=False, lstrip=True),
    ],
    roles={"eos_token": "<end>"},
    prefix=[],
)


def test_merges_worked_by_hand():
    merges = {(1, 2): MergeRule(0, 12), (12, 3): MergeRule(2, 123), (2, 3): MergeRule(1, 23)}
    assert apply_merges_with_queue((1, 2, 3), merges) == (123,)  # (1 2) 3, then both
    assert apply_merges_with_queue((2, 3, 1), merges) == (23, 1)
    assert apply_merges_with_queue((1, 1, 2, 2, 3), merges) == (1, 12, 23)
    same = {(7, 7): MergeRule(0, 8)}
    assert apply_merges_with_queue((7, 7, 7, 7, 7), same) == (8, 8, 7)  # from the left
    assert apply_merges_with_queue((), same) == ()


@given(
    st.text(alphabet=st.sampled_from("Return the items 's.,12 \né") | st.characters(codec="utf-8"))
)
def test_our_own_tokenizer_in_published_form_gives_the_same_ids(text):
    published = to_pretrained_tokenizer(BPE)
    assert published.encode(text) == BPE.encode(text)
    assert decode(published, published.encode(text)) == text


def test_a_long_word_takes_no_longer_than_its_length():
    assert apply_merges_with_queue((7,) * 100_000, {(7, 7): MergeRule(0, 8)}) == (8,) * 50_000


def test_only_listed_pairs_are_merged():
    assert SMALL.encode("abcd") == [11]
    assert SMALL.encode("ef") == [6, 7]  # although "ef" is token 12
    assert dataclasses.replace(SMALL, ignore_merges=True).encode("ef") == [12]


def test_a_special_token_in_plain_text_is_encoded_as_text():
    # "<", ">" and "n" are not in this vocabulary, and are dropped
    assert SMALL.encode("ab<end>cd") == [9, 6, 5, 10]
    assert SMALL.encode_with_specials("ab<end>cd") == [9, 0, 10]
    assert SMALL.decode_bytes([9, 0, 10]) == b"ab<end>cd"
    assert SMALL.decode_bytes([9, 99, 10]) == b"abcd"  # 99 is not a token


def test_an_added_token_that_is_not_special_is_found_in_plain_text_with_its_space():
    assert SMALL.encode("ab  <mark> cd") == [9, 1, 8, 10]


def test_of_added_tokens_that_fit_the_longest_wins():
    longer = AddedToken(13, "<end><end>", special=True)
    tokenizer = dataclasses.replace(SMALL, added=[*SMALL.added, longer])
    assert tokenizer.encode_with_specials("<end><end><end>") == [13, 0]
    assert tokenizer.vocab_size == 14


def test_splits_are_applied_one_after_the_other():
    tokenizer = dataclasses.replace(SMALL, splits=[r"\p{N}", bpe.WORD_REGEX.pattern])
    assert tokenizer.words("a  12 b") == ["a", "  ", "1", "2", " b"]
    assert SMALL.words("a  12 b") == ["a", " ", " 12", " b"]


def test_it_is_a_tokenizer_that_ends_texts_with_the_token_in_that_role():
    assert isinstance(SMALL, Tokenizer)
    assert SMALL.end_of_text == 0


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(BadInput, match="half of a surrogate pair"):
        SMALL.encode("a\ud83d")


def test_a_saved_tokenizer_is_the_same(tmp_path):
    save_tokenizer(tmp_path / "tokenizer.json", SMALL)
    assert load_tokenizer(tmp_path / "tokenizer.json") == SMALL


def test_parts_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(BadInput, match="the merge of 'a' and 'c' is not in the vocabulary"):
        dataclasses.replace(SMALL, merges=[("a", "c")])
    with pytest.raises(BadInput, match="no token ends a text: eos_token is None"):
        dataclasses.replace(SMALL, roles={})
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"kind": "pretrained", "vocab": {}}))
    with pytest.raises(BadInput, match="is missing or is not a tokenizer"):
        load_tokenizer(path)
