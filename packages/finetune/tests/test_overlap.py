import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.evaluation.overlap import (
    exact_match,
    overlap_scores,
    rouge_l,
    squad_words,
    strict_match,
    token_f1,
)
from gpt.errors import BadInput

words = st.lists(st.sampled_from(["x", "y", "z"]), max_size=7)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The cat, sat.", ["cat", "sat"]),
        ("An os.path\n is A path!", ["ospath", "is", "path"]),
        ("theatre another", ["theatre", "another"]),  # articles are whole words
        ("a the an", []),
    ],
)
def test_the_words_by_hand(text, kept):
    assert squad_words(text) == kept


@pytest.mark.parametrize(
    ("answer", "reference", "f1", "rouge"),
    [
        ("the cat sat", "The cat sat.", 1, 1),
        ("cat dog", "cat bird", 1 / 2, 1 / 2),  # one of two either way
        ("cat", "cat sat here", 1 / 2, 1 / 2),  # P 1, R 1/3
        ("cat cat cat", "cat", 1 / 2, 1 / 2),  # cat counts once: P 1/3, R 1
        ("sat cat", "cat sat", 1, 1 / 2),  # order
        ("police killed gunman", "police kill gunman", 2 / 3, 2 / 3),
        (
            "gunman kill police",
            "police kill gunman",
            1,
            1 / 3,
        ),  # Lin's example, swapped
        ("dog", "cat", 0, 0),
        ("", "cat", 0, 0),
        ("the", "", 1, 1),  # neither has a word
    ],
)
def test_token_f1_and_rouge_l_by_hand(answer, reference, f1, rouge):
    assert token_f1(answer, reference) == pytest.approx(f1)
    assert rouge_l(answer, reference) == pytest.approx(rouge)


def test_lins_example_of_order():
    # Lin 2004, section 3.1: S2 beats S3 though both share two words with S1
    reference = "police killed gunman"
    assert rouge_l("police kill gunman", reference) == pytest.approx(2 / 3)
    assert rouge_l("gunman kill police", reference) == pytest.approx(1 / 3)
    assert token_f1("gunman kill police", reference) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        ("it is 'the' 7", True),
        ("It is... (7)!", True),
        ("It is -7.", False),
        ("It is 7.0.", False),
        ("It is 7%.", False),
        ("It is not 7.", False),
        ("7", False),
    ],
)
def test_a_strict_match_ignores_only_punctuation_around_words(answer, same):
    assert strict_match(answer, "It is 7.") == float(same)
    assert strict_match("", "") == 1


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [
        ("A", "A", True),
        ("(a).", "A", True),
        ("", "A", False),
        ("...", "A", False),
        ("the", "A", False),
        ("An", "A", False),
        ("[]", "", False),
        ("{}", "[]", False),
    ],
)
def test_a_strict_match_keeps_articles_and_signs_that_are_the_whole_answer(answer, reference, same):
    """In multiple choice, A is an answer."""
    assert strict_match(answer, reference) == strict_match(reference, answer) == float(same)


@given(words, words)
def test_scores_are_symmetric_and_rouge_l_is_at_most_f1(a, b):
    one, two = " ".join(a), " ".join(b)
    assert token_f1(one, two) == token_f1(two, one)
    assert rouge_l(one, two) == rouge_l(two, one)
    assert 0 <= exact_match(one, two) <= rouge_l(one, two) <= token_f1(one, two) <= 1
    assert exact_match(one, two) == strict_match(one, two) == float(a == b)


def test_the_mean_over_answers_by_hand():
    found = overlap_scores(["The cat.", "sat cat", "dog"], ["cat", "cat sat", "cat"])
    assert found == pytest.approx((1 / 3, 2 / 3, 1.5 / 3))


@pytest.mark.parametrize(("answers", "references"), [(["a"], []), ([], [])])
def test_answers_without_references_are_refused(answers, references):
    with pytest.raises(BadInput, match=f"got {len(answers)} and 0"):
        overlap_scores(answers, references)
