import random

import pytest

from finetune.assistant import sampled_pairs as samples
from finetune.assistant.answering import ModelAnswer
from finetune.assistant.assistant import load_assistant
from finetune.assistant.sampled_pairs import rank_samples, truncated_answer
from finetune.conversations.messages import single_turn_prompt
from finetune.datasets.docstrings import Question

QUESTION = Question(
    "builtins", "list.sort", "method", "What does `list.sort` do?", "Sort the list in place."
)


@pytest.fixture(scope="module")
def assistant(home):
    return load_assistant(str(home / "runs" / "base"))


def test_a_curt_answer_is_a_word_or_two():
    said = {truncated_answer("Return the list.", random.Random(seed)) for seed in range(20)}
    assert said == {"Return.", "Return the."}
    assert truncated_answer("Stop.", random.Random(0)) == "Stop."


def test_the_best_by_the_rule_is_set_against_one_of_every_lower_score(monkeypatch, assistant):
    said = [
        ModelAnswer("Sort the items of it.", True),  # passes all four
        ModelAnswer("a a a a", False),
        ModelAnswer("", True),
        ModelAnswer("Sort the items", True),
    ] * 2
    asked_for = []

    def answers(_, conversations, temperature, seed):
        asked_for.append((conversations, temperature, seed))
        return said

    monkeypatch.setattr(samples, "generate_answers", answers)
    pairs = rank_samples(assistant, [QUESTION], n_questions=3, seed=7)
    assert asked_for == [([single_turn_prompt(QUESTION.question)] * 8, 1.0, 7)]
    assert {pair.chosen for pair in pairs} == {"Sort the items of it."}
    cut, looped = "Sort the items", "a a a a"
    assert [pair.rejected for pair in pairs][:2] == [cut, looped]


def test_where_all_answers_are_alike_the_curt_one_is_the_worse(monkeypatch, assistant):
    same = [ModelAnswer("Sort the items of it.", True)] * 8
    monkeypatch.setattr(samples, "generate_answers", lambda *_, **__: same)
    [pair] = rank_samples(assistant, [QUESTION], n_questions=1, seed=0)
    assert pair.chosen == "Sort the items of it."
    assert len(pair.rejected.split()) <= 2
