import random

import pytest

from finetune.assistant import sampled_pairs as samples
from finetune.assistant.answering import ModelAnswer
from finetune.assistant.assistant import load_assistant
from finetune.assistant.sampled_pairs import rank_samples, truncated_answer
from finetune.conversations.messages import single_turn_prompt
from finetune.datasets.questions import Question

QUESTION = Question(
    "builtins", "list.sort", "method", "What does `list.sort` do?", "Sort the list in place."
)


@pytest.fixture(scope="module")
def assistant(home):
    return load_assistant(str(home / "runs" / "base"))


def test_a_truncated_answer_is_a_word_or_two():
    answers = {truncated_answer("Return the list.", random.Random(seed)) for seed in range(20)}
    assert answers == {"Return.", "Return the."}
    assert truncated_answer("Stop.", random.Random(0)) == "Stop."


def test_the_best_answer_is_paired_with_one_answer_of_every_lower_score(monkeypatch, assistant):
    sampled = [
        ModelAnswer("Sort the items of it.", True),  # passes all four checks
        ModelAnswer("a a a a", False),
        ModelAnswer("", True),
        ModelAnswer("Sort the items", True),
    ] * 2
    calls = []

    def fake_answers(_, conversations, temperature, seed):
        calls.append((conversations, temperature, seed))
        return sampled

    monkeypatch.setattr(samples, "generate_answers", fake_answers)
    pairs = rank_samples(assistant, [QUESTION], n_questions=3, seed=7)
    assert calls == [([single_turn_prompt(QUESTION.question)] * 8, 1.0, 7)]
    assert {pair.chosen for pair in pairs} == {"Sort the items of it."}
    cut, looped = "Sort the items", "a a a a"
    assert [pair.rejected for pair in pairs][:2] == [cut, looped]


def test_if_all_answers_are_equal_the_truncated_one_is_rejected(monkeypatch, assistant):
    same = [ModelAnswer("Sort the items of it.", True)] * 8
    monkeypatch.setattr(samples, "generate_answers", lambda *_, **__: same)
    [pair] = rank_samples(assistant, [QUESTION], n_questions=1, seed=0)
    assert pair.chosen == "Sort the items of it."
    assert len(pair.rejected.split()) <= 2
