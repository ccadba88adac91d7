import math
import random
from collections import Counter

import pytest

from finetune.datasets.corruptions import (
    answer_about_other_module,
    looped_sentence,
    looped_sentence_same_length,
    shuffled_sentence,
    truncated_sentence,
)
from finetune.datasets.preference_report import length_accuracy, overlap_accuracy
from finetune.datasets.preferences import (
    Preference,
    bradley_terry_choice,
    make_preferences,
    preferences_by_rule,
)
from finetune.datasets.questions import Question, split_by_module, top_level_module
from finetune.datasets.rule import rule_checks, rule_score

WORDS = ["Return", "the", "size", "of", "a", "file", "in", "bytes"]
START = Question("threading", "Thread.start", "method", "What?", "Start the thread.")


@pytest.fixture(scope="module")
def split(all_questions):
    return split_by_module(all_questions)


@pytest.fixture(scope="module")
def sides(split):
    return [make_preferences(side, seed=0) for side in split]


@pytest.mark.parametrize(
    ("rejected", "longer_by", "matched"),
    [("a b c d", -1, True), ("a b c d e", -2, False), ("a b", 1, True), ("a", 2, False)],
)
def test_answers_within_one_word_are_matched_in_length(rejected, longer_by, matched):
    pair = Preference("?", "One - three.", rejected)  # a dash between blanks is a word
    assert (pair.longer_by, pair.matched) == (longer_by, matched)


def test_truncated_sentences_by_hand():
    assert truncated_sentence(WORDS, 1) == "Return the size of a file in"
    assert truncated_sentence(WORDS, 5) == "Return the size"
    assert truncated_sentence(["Read", "a.", "b"], 1) == "Read a"  # no full stop is left


def test_a_loop_repeats_three_words_and_then_continues():
    expected = {
        "Return the size of a file " + "of a file " * n + "in bytes." for n in (1, 2, 3)
    }  # those that repeat the words four to six
    seen = {looped_sentence(WORDS, random.Random(seed)) for seed in range(200)}
    assert len(seen) == 6 * 3  # six ends of the phrase, three numbers of repeats
    assert expected < seen
    assert looped_sentence(["Do", "it", "now"], random.Random(0)).startswith("Do it now Do it now")
    assert not any(rule_checks(START, text).no_repetition for text in seen)


def test_a_loop_of_the_same_length_replaces_the_end():
    assert looped_sentence_same_length(WORDS, random.Random(0)) == "Return the size of a size of a."
    assert (
        looped_sentence_same_length(WORDS[:6], random.Random(0))
        == "Return the size Return the size."
    )
    assert looped_sentence_same_length(WORDS[:5], random.Random(0)) == ""  # too short
    nine = {
        looped_sentence_same_length(list("abcdefghi"), random.Random(seed)) for seed in range(20)
    }
    assert nine == {"a b c d e f d e f.", "a b c a b c a b c."}


def test_shuffled_words_are_the_same_in_another_order():
    for seed in range(50):
        text = shuffled_sentence(WORDS, random.Random(seed))
        assert sorted(text.removesuffix(".").split()) == sorted(WORDS)
        assert text != "Return the size of a file in bytes."
    assert shuffled_sentence(["a", "b"], random.Random(0)) == "b a."
    assert shuffled_sentence(["a", "a", "a"], random.Random(0)) == ""  # no other order


def test_an_answer_from_elsewhere_is_about_another_module_and_nearly_as_long():
    def other(module, answer):
        return Question(module, "f", "function", "?", answer)

    pool = {
        2: [other("m", "Too short.")],
        3: [START, other("threading.sub", "Of the same."), other("a", "Three words only.")],
        4: [other("b", "One word more here."), other("c", "Threading would score higher.")],
        5: [other("d", "Two words more are many.")],
    }
    seen = {answer_about_other_module(START, pool, random.Random(seed)) for seed in range(50)}
    assert seen == {
        "Three words only.",
        "One word more here.",
        "Threading would score higher.",  # as high as the documented answer, which is on topic too
        "Too short.",  # scores lower: not brief
    }
    off_topic = START._replace(answer="Begin to run.")
    seen = {answer_about_other_module(off_topic, pool, random.Random(seed)) for seed in range(50)}
    assert "Threading would score higher." not in seen
    assert answer_about_other_module(START, {3: [START]}, random.Random(0)) == ""


def test_the_seed_decides_the_pairs(split):
    few = split.held_out[:100]
    assert make_preferences(few, seed=3) == make_preferences(few, seed=3)
    assert make_preferences(few, seed=3) != make_preferences(few, seed=4)


def test_every_chosen_answer_is_good_and_no_rejected_one_is_better(split, sides):
    for questions, pairs in zip(split, sides, strict=True):
        asked = {question.question: question for question in questions}
        for pair in pairs:
            question = asked[pair.question]
            assert pair.chosen == question.answer
            assert all(rule_checks(question, pair.chosen)[:3])
            assert pair.rejected and pair.rejected != pair.chosen
            assert rule_score(question, pair.rejected) <= rule_score(question, pair.chosen)
        good = [q for q in questions if all(rule_checks(q, q.answer)[:3])]
        assert len(pairs) == len(good)


def test_each_kind_has_its_corruption(split, sides):
    for questions, pairs in zip(split, sides, strict=True):
        module_of = {question.answer: top_level_module(question) for question in questions}
        for pair in pairs:
            checks = rule_checks(START, pair.rejected)
            words, wrong = pair.chosen.removesuffix(".").split(), pair.rejected.split()
            if pair.kind == "cut":
                assert not checks.ends
                assert pair.chosen.startswith(pair.rejected)
            elif pair.kind == "looped":
                assert checks.ends and not checks.no_repetition
                assert {*pair.rejected.removesuffix(".").split()} <= {*words}
            elif pair.kind == "shuffled":
                assert sorted(pair.rejected.removesuffix(".").split()) == sorted(words)
                assert len(wrong) == len(words)
            else:
                assert module_of[pair.rejected] != module_of[pair.chosen]


def test_half_of_the_pairs_are_matched_in_length(sides):
    for pairs in sides:
        assert sum(pair.matched for pair in pairs) == (len(pairs) + 1) // 2
        kinds = Counter(pair.kind for pair in pairs)
        assert len(kinds) == 4
        assert kinds["elsewhere"] < 0.1 * len(pairs)


def test_neither_length_nor_shared_words_reveal_the_chosen_answer(split, sides):
    # 3,616 training pairs and 653 held-out ones (Python 3.11): length 57 % and 55 %,
    # shared words 61 % on both sides
    for pairs in (*sides, make_preferences(split.held_out, seed=1)):
        matched = [pair for pair in pairs if pair.matched]
        assert length_accuracy(pairs) < 0.65
        assert 0.55 < overlap_accuracy(pairs) < 0.68
        assert length_accuracy(matched) < 0.7
        assert overlap_accuracy(matched) < 0.7


def test_the_best_sample_is_preferred_to_one_of_every_lower_score():
    answers = ["Start the", "Start the thread.", "Start the file.", "go go go go", "Start a"]
    assert preferences_by_rule(START, answers) == [  # of two with equal scores the first
        Preference("What?", "Start the thread.", "Start the", "sampled"),
        Preference("What?", "Start the thread.", "go go go go", "sampled"),
    ]
    assert preferences_by_rule(START, answers[1:3]) == []  # both score 1
    assert preferences_by_rule(START, answers[1:3], stopped=[False, True]) == [
        Preference("What?", "Start the file.", "Start the thread.", "sampled")
    ]
    assert preferences_by_rule(START, []) == []
    with pytest.raises(ValueError, match="shorter"):
        preferences_by_rule(START, answers, stopped=[True])


@pytest.mark.parametrize("difference", [0.0, 1.0, -2.0, 1e6, -1e6])
def test_the_noisy_judge_follows_bradley_and_terry(difference):
    generator = random.Random(0)
    n = 20_000
    share = sum(bradley_terry_choice(3 + difference, 3.0, generator) for _ in range(n)) / n
    expected = 1 / (1 + math.exp(min(-difference, 700)))
    assert share == pytest.approx(expected, abs=4 * math.sqrt(0.25 / n))
