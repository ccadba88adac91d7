import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.datasets.words import (
    common_subsequence_length,
    jaccard,
    normalised_words,
    stem_overlap,
    subsequence_f1,
    word_stems,
)


def test_words_are_separated_by_blanks():
    assert normalised_words('The "OS" is\n(truly) self-made, e.g. os.path -- done.') == [
        "the", "os", "is", "truly", "self-made", "e.g", "os.path", "", "done",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("os.path.getsize", {"path", "getsi"}),
        ("set_default_encoding", {"set", "defau", "encod"}),
        ("HTTPServer.doGET", {"http", "serve", "get"}),
        ("opens the OpenFile", {"opens", "open", "file"}),
        ("What does it do with all of this?", set()),
        ("encode, Encoded ENCODING", {"encod"}),
    ],
)
def test_stems_by_hand(text, expected):
    assert word_stems(text) == expected


def test_stem_overlap_is_a_share_of_the_stems_of_the_question():
    question = "What does the function `os.path.join` do?"  # funct path join
    assert stem_overlap(question, "Join two paths.") == pytest.approx(1 / 3)  # paths is not path
    assert stem_overlap(question, "A function to join a path.") == 1
    assert stem_overlap("What is it?", "It is.") == 0


def test_similarity_by_hand():
    # 4 words against 3: both have b and c, 5 in all; in order b c
    assert jaccard("a b c d", "B, c e.") == pytest.approx(2 / 5)
    assert subsequence_f1("a b c d", "b c e") == pytest.approx(4 / 7)
    assert subsequence_f1("a b c d", "c b e") == pytest.approx(2 / 7)
    assert jaccard("a a b", "b a") == 1
    assert jaccard("", "") == subsequence_f1("", "") == 1
    assert jaccard("a", "") == subsequence_f1("a", "") == 0


def table_of_lengths(a, b):
    """L[i][j] = L[i-1][j-1] + 1 where the words are equal, else the larger neighbour."""
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, one in enumerate(a, 1):
        for j, other in enumerate(b, 1):
            diagonal, sides = lengths[i - 1][j - 1] + 1, (lengths[i - 1][j], lengths[i][j - 1])
            lengths[i][j] = diagonal if one == other else max(sides)
    return lengths[-1][-1]


def test_the_subsequence_length_equals_that_of_the_full_table():
    generator = random.Random(0)
    for _ in range(300):
        a, b = (
            generator.choices("abcd", k=generator.randint(0, n)) for n in (12, 90)
        )  # also past the 64 bits of a machine word
        assert (
            common_subsequence_length(a, b)
            == common_subsequence_length(b, a)
            == table_of_lengths(a, b)
        )


short = st.lists(st.sampled_from(["x", "y", "z"]), max_size=7)


@given(short, short)
def test_the_common_subsequence_is_the_longest_by_enumeration(a, b):
    all_of = [
        {each for size in range(len(side) + 1) for each in itertools.combinations(side, size)}
        for side in (a, b)
    ]
    assert common_subsequence_length(a, b) == max(map(len, all_of[0] & all_of[1]))
