"""Texts that no person types but that files contain: long runs of every kind of character."""

import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt.text import bpe
from gpt.text.fast_bpe import MergeRule, apply_merges_with_queue, train_merges_with_index
from gpt.text.pretrained_tokenizer import (
    CHARACTER_OF_BYTE,
    AddedToken,
    PretrainedTokenizer,
    added_token_regex,
)
from gpt.text.tokenizers import (
    END_OF_TEXT,
    BytePairTokenizer,
    CharacterTokenizer,
    WordTokenizer,
    decode,
)

KINDS = [
    *(" ", "\t", "\n", "\r\n", " \n", "\u00a0", "\u2028", "\u3000", "\x1c", "\0", "\x7f"),
    *("a", "A", "aA", "a ", "  a", "\u017f", "1", "1a", "\u00bd", ".", ". ", "'", "'s", "'\u017f"),
    *("\u0301", " \u0301", "\u200d", "\u6f22", "\u304b", "\ud55c", "\u0939\u093f"),
    *("\U0001f600", "\U0001f1eb\U0001f1f7", "\ufeff", "\ufffd", "\U0010ffff", "\u088f"),
    *("/", "\n/", "<|", END_OF_TEXT, "a1. \n'\u6f22\0"),
]
LENGTHS = st.sampled_from([1, 2, 3, 5, 17, 300])
RUNS = st.lists(st.tuples(st.sampled_from(KINDS), LENGTHS), max_size=6)
ROWS = "the items of a list  x\n\n\n        return 11 'it''s' \u088f\u088f \u6f22\u6f22\u6f22 "
BPE = BytePairTokenizer.train([ROWS * 3, " " * 500, "\n" * 500, "a" * 500, "." * 500], 400)
RANKED = {pair: MergeRule(rank, 256 + rank) for rank, pair in enumerate(BPE.merges)}

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GAPS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {
    "GPT-2": [bpe.WORD_REGEX.pattern],
    "SmolLM2": [r"\p{N}", bpe.WORD_REGEX.pattern],
    "Llama 3": [
        rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+"
        rf"[\r\n]*|{GAPS}"
    ],
    "GPT-4o": [
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+"
        rf"{LOWER}*{CONTRACTIONS}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{GAPS}"
    ],
    "DeepSeek": [
        r"\p{N}{1,3}",
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        rf"[!-/:-@\[-`{{-~][A-Za-z]+|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+"
        rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{GAPS}",
    ],
}
PUBLISHED = {
    name: PretrainedTokenizer(
        vocab={spelled: byte for byte, spelled in CHARACTER_OF_BYTE.items()},
        merges=[],
        splits=splits,
        added=[AddedToken(256, "<end>", True, lstrip=True, rstrip=True)],
        roles={"eos_token": "<end>"},
        prefix=[],
    )
    for name, splits in SPLITS.items()
}


def by_definition(text: str) -> list[int]:
    """The ids of our merges, computed in Python."""
    words = map(bpe.byte_tokens, bpe.WORD_REGEX.findall(text))
    return [token for word in words for token in apply_merges_with_queue(word, RANKED)]


def spell_runs(runs: list[tuple[str, int]]) -> str:
    return "".join(kind * n for kind, n in runs)


@settings(deadline=None, max_examples=25)
@given(RUNS)
def test_runs_of_any_kind_have_the_ids_of_our_own_merges(runs):
    text = spell_runs(runs)
    assert BPE.encode(text) == by_definition(text)
    with_ends = [id for part in text.split(END_OF_TEXT) for id in [*BPE.encode(part), -1]]
    ours = [-1 if id == BPE.end_of_text else id for id in BPE.encode_with_specials(text)]
    assert [*ours, -1] == with_ends


@settings(deadline=None, max_examples=25)
@given(RUNS)
def test_runs_of_any_kind_come_back_from_every_tokenizer(runs):
    text = spell_runs(runs)
    for tokenizer in (*PUBLISHED.values(), CharacterTokenizer.train(KINDS)):
        assert decode(tokenizer, tokenizer.encode(text)) == text
    words = WordTokenizer.train([text], 10_000)
    assert decode(words, words.encode(text)) == text


@pytest.mark.parametrize("kind", [" ", "\n", "\u00a0", "a "])
def test_a_million_times_the_same(kind):
    """Compiled regular expressions panic at a million spaces, because their stack overflows."""
    text = "x" + kind * 10**6 + "y"
    assert decode(BPE, BPE.encode(text)) == text
    half = text[: len(text) // 2]
    assert BPE.encode_with_specials(half + END_OF_TEXT) == [*BPE.encode(half), BPE.end_of_text]


def test_letters_newer_than_a_compiled_table_are_letters_as_in_training():
    """U+088F was added by Unicode 17; a word in training must be the same word in use."""
    tokenizer = BytePairTokenizer.train(["a\u088f"], 300)
    assert len(tokenizer.encode("a\u088f")) == 1


def seconds(work) -> float:
    """The faster of two runs in seconds."""
    times = []
    for _ in range(2):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def test_one_endless_word_is_learned_as_fast_as_many_words():
    """As in a file of base64; counting again after every merge takes 44 times as long."""
    letters = "".join(random.Random(0).choices(string.ascii_lowercase, k=2000))
    words = " ".join(letters[n : n + 8] for n in range(0, len(letters), 8))
    many, one = (
        seconds(lambda text=text: train_merges_with_index([text], 300)) for text in (words, letters)
    )
    assert one < 10 * many


def test_spaces_that_an_added_token_might_swallow_are_read_once():
    """Ten times as many take about ten times as long, not a hundred times."""
    tokenizer = PUBLISHED["GPT-2"]
    pattern = added_token_regex(tokenizer.added)
    few, many = (seconds(lambda n=n: pattern.search(" " * n + "x<end>")) for n in (5_000, 50_000))
    assert many < 30 * few
    assert tokenizer.encode_with_specials("a  <end>  b <end>") == [97, 256, 98, 256]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=ascii)
def test_a_million_characters_of_one_kind(kind):
    text = kind * (10**6 // len(kind))
    assert decode(BPE, BPE.encode(text)) == text
    for tokenizer in PUBLISHED.values():
        assert "".join(tokenizer.words(text[:200_000])) == text[:200_000]
    assert BytePairTokenizer.train([text[:50_000]], 300).vocab_size <= 300
