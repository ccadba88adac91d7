import numpy as np
import pytest

from finetune.evaluation.reward_scores import reward_scores
from finetune.evaluation.shallow import length_score, shared_words_score


def test_length_by_hand():
    assert length_score(["q", "q"], ["one two three", ""]) == [3, 0]


@pytest.mark.parametrize(
    ("question", "answer", "share"),
    [
        ("What is a list?", "A list is what you see", 1),  # what is list, without the article
        ("What is a list?", "the list, the list", 1 / 3),
        ("What is a list?", "", 0),
        ("?", "anything", 0),
    ],
)
def test_shared_words_by_hand(question, answer, share):
    assert shared_words_score([question], [answer]) == [pytest.approx(share)]


def test_the_length_score_is_accurate_on_pairs_with_a_length_bias():
    questions, chosen, rejected = ["q"] * 3, ["a b c", "a b", "a"], ["a", "a", "a"]
    scores = [np.array(length_score(questions, side)) for side in (chosen, rejected)]
    assert reward_scores(*scores).accuracy.estimate == pytest.approx(2.5 / 3)
