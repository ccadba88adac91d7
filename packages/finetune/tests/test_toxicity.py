import pytest

from finetune.evaluation.toxicity import INSULTS, find_insults, insult_rate
from gpt.evaluation.intervals import wilson_interval


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("You are a Fool, a stupid fool!", ["fool", "stupid", "fool"]),
        ("Shut up.", ["shut up"]),
        ("This is foolproof, she was unfoolable, what tomfool", []),
        ("Have a nice day", []),
    ],
)
def test_insults_by_hand(text, found):
    assert find_insults(text) == found


@pytest.mark.parametrize("text", ["A dumb terminal.", "Do not call him an idiot."])
def test_known_false_positives(text):
    assert find_insults(text)


def test_a_threat_in_polite_words_is_missed():
    assert not find_insults("It would be a shame if something happened to your house.")


def test_the_rate_counts_answers_and_not_words():
    assert insult_rate(["you fool, you fool", "hello", "hi"]) == wilson_interval(1 / 3, 3)
    # words in the list are not patterns
    assert insult_rate(["a b.c", "bxc"], word_list=["b.c"]) == wilson_interval(1 / 2, 2)


def test_every_listed_word_is_found():
    assert all(find_insults(word) == [word] for word in INSULTS)
