import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.documents import END_OF_TEXT
from gpt.text.tokenizers import (
    BytePairTokenizer,
    CharacterTokenizer,
    WordLevelTokenizer,
    WordTokenizer,
    decode,
    load_tokenizer,
    save_tokenizer,
)

TEXT = "Return the number of items in a list. The list's items are numbers: 1, 22, 333.\n" * 4
BPE = BytePairTokenizer.train([TEXT], 320)


@given(st.text())
def test_any_unicode_text_comes_back(text):
    assert decode(BPE, BPE.encode(text)) == text


@given(
    st.text(
        alphabet=st.sampled_from("Return the items 's.,123 \n\té€😀") | st.characters(codec="utf-8")
    )
)
def test_the_fast_core_and_our_own_encoder_agree(text):
    ranks = {pair: rank for rank, pair in enumerate(BPE.merges)}
    ours = [
        token
        for word in bpe.WORD_REGEX.findall(text)
        for token in bpe.apply_merges(bpe.byte_tokens(word), ranks)
    ]
    assert BPE.encode(text) == ours


def test_end_of_text_is_an_id_and_not_a_spelling():
    assert BPE.end_of_text == BPE.vocab_size - 1
    assert BPE.end_of_text not in BPE.encode(END_OF_TEXT)
    assert decode(BPE, BPE.encode(END_OF_TEXT)) == END_OF_TEXT
    assert BPE.encode_with_specials(f"a{END_OF_TEXT}b").count(BPE.end_of_text) == 1


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(BadInput, match=r"'\\ud83d' at position 1 is half of a surrogate pair"):
        BPE.encode("a\ud83d")


def test_a_short_text_gives_fewer_tokens_than_asked_for():
    # "ab": one merge is possible
    assert BytePairTokenizer.train(["ab"], 1000).vocab_size == 256 + 1 + 1


def test_fewer_tokens_than_bytes_are_refused():
    with pytest.raises(BadInput, match="at least 257 tokens, got vocab_size 256"):
        BytePairTokenizer.train(["ab"], 256)


def test_characters_are_numbered_in_the_order_of_unicode():
    tokenizer = CharacterTokenizer.train(["cab", "bed"])
    assert tokenizer.encode("abcde") == [0, 1, 2, 3, 4]
    assert tokenizer.vocab_size == 6
    assert tokenizer.end_of_text == 5


@given(st.text(alphabet=TEXT))
def test_known_characters_and_words_come_back(text):
    characters = CharacterTokenizer.train([TEXT])
    assert decode(characters, characters.encode(text)) == text
    words = WordTokenizer.train([text, TEXT], 10_000)
    assert decode(words, words.encode(text)) == text


def test_an_unknown_character_is_named():
    with pytest.raises(BadInput, match="character '☃' is not among the 2 of this vocabulary"):
        CharacterTokenizer.train(["ab"]).encode("a☃")


def test_an_unknown_word_is_lost():
    words = WordTokenizer.train(["the cat the"], 4)  # keeps "the" and " ", which occur twice
    assert words.encode("the dog") == [0, 1, words.unknown]
    assert decode(words, words.encode("the dog")) == "the <unknown>"


def test_words_of_a_closed_vocabulary_by_hand():
    tokenizer = WordLevelTokenizer(["12", "+", "1"])
    assert tokenizer.encode(" 1 +  12\n+ 1") == [2, 1, 0, 1, 2]
    assert tokenizer.end_of_text == 3 and tokenizer.vocab_size == 4
    assert decode(tokenizer, [2, 1, 0, 3]) == f" 1 + 12 {END_OF_TEXT}"
    with pytest.raises(BadInput, match="the word '121' is not among the 3 of this vocabulary"):
        tokenizer.encode("121 + 1")


@pytest.mark.parametrize(
    "tokenizer",
    [
        BPE,
        CharacterTokenizer.train([TEXT]),
        WordTokenizer.train([TEXT], 50),
        WordLevelTokenizer(sorted(set(TEXT.split()))),
    ],
    ids=["bpe", "character", "word", "word-level"],
)
def test_a_saved_tokenizer_encodes_the_same(tokenizer, tmp_path):
    save_tokenizer(tmp_path / "tokenizer.json", tokenizer)
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert loaded.encode(TEXT) == tokenizer.encode(TEXT)
    assert loaded.vocab_size == tokenizer.vocab_size
    assert decode(loaded, [loaded.end_of_text]).strip() == END_OF_TEXT


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "bpe"}', json.dumps({"kind": "klingon"})])
def test_a_file_that_is_not_a_tokenizer_is_refused(content, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"tokenizer\.json"):
        load_tokenizer(path)
