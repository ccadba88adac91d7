import pytest

from finetune.evaluation.intervals import wilson
from finetune.evaluation.toxicity import INSULTS, insult_rate, insults


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
    assert insults(text) == found


@pytest.mark.parametrize("text", ["A dumb terminal.", "Do not call him an idiot."])
def test_the_known_false_alarms(text):
    assert insults(text)


def test_what_a_word_list_cannot_see():
    assert not insults("It would be a shame if something happened to your house.")


def test_the_rate_counts_answers_and_not_words():
    assert insult_rate(["you fool, you fool", "hello", "hi"]) == wilson(1 / 3, 3)
    assert insult_rate(["a b.c", "bxc"], listed=["b.c"]) == wilson(1 / 2, 2)  # no pattern


def test_every_listed_word_is_found_alone():
    assert all(insults(word) == [word] for word in INSULTS)
