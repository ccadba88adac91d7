import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.evaluation.diversity import distinct_n, diversity, longest_repeat, seq_rep_n

words = st.lists(st.sampled_from("abc"), max_size=12)


def test_distinct_by_hand():
    # a b a b and b c: 6 words, of them a b c; pairs ab ba ab bc, of them 3
    answers = [[*"abab"], [*"bc"]]
    assert distinct_n(answers, 1) == pytest.approx(3 / 6)
    assert distinct_n(answers, 2) == pytest.approx(3 / 6)
    assert distinct_n(answers, 3) == pytest.approx(2 / 6)  # aba bab


def test_the_same_answer_twice_is_half_as_distinct():
    once = [["the", "cat", "sat", "on", "the", "mat"]]
    assert distinct_n(once * 2, 1) == distinct_n(once, 1) / 2


def test_n_grams_do_not_cross_answers():
    assert distinct_n([["a"], ["b"]], 2) == 0


def test_repeated_by_hand():
    # pairs of a b a b a: ab ba ab ba, two of four are repeated
    assert seq_rep_n([*"ababa"], 2) == pytest.approx(0.5)
    assert seq_rep_n([*"ababa"], 1) == pytest.approx(3 / 5)
    assert seq_rep_n([*"ab"], 3) == 0
    assert seq_rep_n([7, 7, 7], 1) == pytest.approx(2 / 3)  # token ids


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("the cat and the cat sat", "the cat"),
        ("a a a a", "a a"),  # a a a would overlap itself
        ("a a a", "a"),
        ("x y z x y w y z x", "y z x"),
        ("u v w x u v w x", "u v w x"),
        ("one two three", ""),
        ("", ""),
    ],
)
def test_the_longest_repeat_by_hand(text, phrase):
    assert longest_repeat(text.split()) == phrase.split()


@given(words)
def test_the_longest_repeat_is_the_longest_of_all_phrases(text):
    n = len(text)
    lengths = [
        size
        for a in range(n)
        for b in range(n)
        for size in range(1, n)
        if a + size <= b and b + size <= n and text[a : a + size] == text[b : b + size]
    ]
    assert len(longest_repeat(text)) == max(lengths, default=0)


@given(st.lists(words, max_size=4), st.integers(1, 3))
def test_shares_are_between_0_and_1_and_independent_of_the_order_of_answers(answers, n):
    assert 0 <= distinct_n(answers, n) <= 1
    assert distinct_n(answers, n) == distinct_n(answers[::-1], n)
    assert all(0 <= seq_rep_n(each, n) < 1 for each in answers)


@given(words, st.integers(1, 3))
def test_an_answer_that_loops_repeats_more(text, n):
    circle = seq_rep_n(text * 3, n)
    assert circle >= seq_rep_n(text, n)
    if len(text) >= n:
        assert circle > 0.3


def test_all_measures_by_hand():
    found = diversity(["Go on and go on", "Stop"])
    # words go on and go on stop: 4 different of 6; pairs go-on on-and and-go go-on: 3 of 6
    assert found == pytest.approx((4 / 6, 3 / 6, 0, found.longest_repeat))
    assert found.longest_repeat == "go on"
    assert diversity([]) == (0, 0, 0, "")
