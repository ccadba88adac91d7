"""Words of captions and their ids."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.data.captions import WordTokenizer
from diffusion.data.emoji import emoji
from gpt.errors import BadInput

TOKENIZER = WordTokenizer.from_captions(["red apple", "Two red, small  circles"])


def test_ids_by_hand():
    assert TOKENIZER.words == ("apple", "circles", "red", "small", "two")
    assert (TOKENIZER.context, TOKENIZER.end, TOKENIZER.vocab_size) == (6, 7, 8)
    expected = [[1, 4, 2, 7, 0, 0], [1, 6, 4, 5, 3, 7]]
    assert TOKENIZER.encode(["Red apple", "two red small, circles"]).tolist() == expected


def test_end_has_the_largest_id_so_argmax_finds_it():
    drawings = emoji(("fluent", "noto"))
    tokenizer = WordTokenizer.from_captions(drawings.captions)
    tokens = tokenizer.encode(drawings.captions)
    places = tokens.argmax(1)
    assert places.tolist() == [len(caption.split()) + 1 for caption in drawings.captions]
    assert (tokens[torch.arange(len(tokens)), places] == tokenizer.vocab_size - 1).all()


def test_the_null_caption_is_all_zeros_and_no_other_caption_is():
    assert TOKENIZER.null(2).tolist() == [[0] * 6] * 2
    assert (TOKENIZER.encode(["apple"]) != 0).sum() == 3


@given(st.lists(st.sampled_from(TOKENIZER.words), min_size=1, max_size=4))
def test_decoding_returns_what_was_encoded(words):
    assert TOKENIZER.decode(TOKENIZER.encode([" ".join(words)])) == [" ".join(words)]


def test_a_tokenizer_survives_json():
    assert WordTokenizer.from_json(TOKENIZER.to_json()) == TOKENIZER


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: TOKENIZER.encode(["rad apple"]),
            "the word 'rad'; known words are such as red",
        ),
        (lambda: TOKENIZER.encode(["zzqx"]), "'zzqx'; known words are such as apple, circles"),
        (lambda: TOKENIZER.encode(["red " * 5]), "has 5 words, more than the 4 of the longest"),
        (lambda: TOKENIZER.encode(["red", " , "]), "caption ' , ' has no word"),
        (lambda: WordTokenizer.from_captions(["", ","]), "2 captions hold no word"),
        (lambda: WordTokenizer.from_json("{"), "the tokenizer is not JSON"),
        (lambda: WordTokenizer.from_json('{"words": ["a"]}'), "has 'context' and 'words'"),
        (
            lambda: WordTokenizer.from_json('{"words": ["b", "a"], "context": 5}'),
            "must be sorted and different",
        ),
        (
            lambda: WordTokenizer.from_json('{"words": ["a"], "context": true}'),
            "a whole number of at least 3, got True",
        ),
    ],
)
def test_wrong_captions_and_files_are_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def test_unknown_words_of_held_out_captions_are_left_out_and_counted():
    tokenizer = WordTokenizer.from_captions(["a red owl", "blue cat"])
    captions = ["a red cat", "a green owl", "zebra", "red red red cat"]
    expected = tokenizer.encode(["a red cat", "a owl", "cat", "red red red"])
    expected[2] = 0  # nothing is left but the null caption
    assert torch.equal(tokenizer.encode_known(captions), expected)
    assert tokenizer.count_unknown(captions) == 3
