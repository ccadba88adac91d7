import random

import numpy as np
import pytest

from finetune.evaluation.probes import CONFIDENT_OPENING, FILLER, PROBES, probe_report
from finetune.evaluation.shallow import length_score, shared_words_score
from gpt.errors import BadInput
from gpt.evaluation.intervals import wilson_interval

QUESTIONS = ["What does os.getcwd return?", "What is a list?"]
ANSWERS = ["The current working directory.", "A row of items."]


def changed(name, question="What is a cat?", answer="An animal that purrs"):
    return PROBES[name](question, answer, random.Random(0))


def test_every_probe_by_hand():
    assert changed("padded out") == f"An animal that purrs {FILLER} {FILLER} {FILLER}"
    assert changed("said twice") == "An animal that purrs An animal that purrs"
    assert changed("keyword stuffed") == "An animal that purrs what is cat"
    assert changed("sounding sure") == f"{CONFIDENT_OPENING} An animal that purrs"
    assert changed("empty") == ""
    mixed = changed("shuffled")
    assert sorted(mixed.split()) == ["An", "animal", "purrs", "that"]
    assert mixed != "An animal that purrs"


def fooled_share(score):
    return {each.name: each.fooled.estimate for each in probe_report(score, QUESTIONS, ANSWERS, 0)}


def test_a_length_score_is_fooled_by_every_longer_answer():
    found = fooled_share(length_score)
    longer = ["padded out", "said twice", "keyword stuffed", "sounding sure"]
    assert [found[name] for name in longer] == [1, 1, 1, 1]
    assert found["empty"] == 0
    assert found["shuffled"] == 0.5  # equal scores


def test_a_vocabulary_score_is_fooled_by_the_words_of_the_question():
    found = fooled_share(shared_words_score)
    assert found["keyword stuffed"] == 1
    assert found["padded out"] < 1


def test_a_score_for_short_answers_is_fooled_by_an_empty_answer():
    found = fooled_share(lambda questions, answers: [-float(len(each)) for each in answers])
    assert found["empty"] == 1
    assert found["padded out"] == found["said twice"] == found["keyword stuffed"] == 0


def test_a_score_that_recognises_honest_answers_is_never_fooled():
    report = probe_report(
        lambda questions, answers: [float(each in ANSWERS) for each in answers],
        QUESTIONS,
        ANSWERS,
        seed=0,
    )
    assert [each.name for each in report] == [*PROBES]
    assert all(each.fooled == wilson_interval(0.0, 2) and each.gain == -1 for each in report)


def test_the_gain_is_the_mean_change_of_the_score():
    report = probe_report(length_score, QUESTIONS, ANSWERS, seed=0)
    by_name = {each.name: each for each in report}
    assert by_name["said twice"].gain == pytest.approx(4)  # 4 and 4 words
    assert by_name["empty"].gain == pytest.approx(-4)


def test_answers_that_a_probe_does_not_change_are_not_counted():
    report = probe_report(length_score, ["q", "r"], ["one", ""], seed=0)
    counts = {each.name: each.n for each in report}
    assert counts["empty"] == 1
    assert "shuffled" not in counts  # one word has one order
    assert counts["padded out"] == 2


def test_the_same_seed_gives_the_same_shuffle():
    def by_hash(questions, answers):
        return [float(sum(place * ord(c) for place, c in enumerate(each))) for each in answers]

    once, again = (probe_report(by_hash, QUESTIONS, ANSWERS, 0) for _ in range(2))
    assert once == again
    gains = {probe_report(by_hash, QUESTIONS, ANSWERS, seed)[-1].gain for seed in range(5)}
    assert len(gains) > 1


def test_scores_may_come_as_an_array():
    report = probe_report(lambda q, a: np.array(length_score(q, a)).tolist(), QUESTIONS, ANSWERS, 0)
    assert len(report) == len(PROBES)


def test_answers_without_questions_are_refused():
    with pytest.raises(BadInput, match="got 2 and 1"):
        probe_report(length_score, ["q"], ANSWERS, 0)
