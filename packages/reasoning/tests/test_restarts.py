"""Restarts: a budget of attempts in which each attempt begins again from the prompt."""

import pytest
import torch

from gpt.errors import BadInput
from reasoning.budget.curve import keeps_budget, measure_budget
from reasoning.budget.forcing import AttemptBudget, forced_traces
from reasoning.budget.restarts import restarted_traces
from reasoning.evaluation.answers import count_attempts
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle

PUZZLES = [Puzzle((4, 5, 7, 9), 24), Puzzle((3, 6, 2, 3), 60), Puzzle((7, 8, 11, 12), 15)]
PROMPTS = [countdown_prompt(puzzle) for puzzle in PUZZLES] * 20


@pytest.fixture(scope="module")
def model():
    return load_start_model().model


def restart(model, n_attempts):
    generator = torch.Generator().manual_seed(0)
    return restarted_traces(model, PROMPTS, AttemptBudget(n_attempts, True), 1.0, generator)


def test_one_attempt_is_the_same_with_and_without_restarts(model):
    generator = torch.Generator().manual_seed(0)
    assert restart(model, 1) == forced_traces(model, PROMPTS, AttemptBudget(1), 1.0, generator)


def test_a_trace_ends_at_its_first_hit_and_pays_for_the_misses_before(model):
    one, three = restart(model, 1), restart(model, 3)
    assert {trace.n_attempts for trace in three} == {1, 2, 3}
    for first, trace in zip(one, three, strict=True):
        assert count_attempts(trace.text) == 1 and keeps_budget(trace, AttemptBudget(3, True))
        missed = first.text.split("answer")[0].split()
        assert ("hit" in missed) == (trace.n_attempts == 1)
        if trace.n_attempts == 1:
            assert trace == first
        if trace.n_attempts == 2:  # an answer after the miss is not paid for
            assert trace.n_tokens == len(trace.text.split()) + len(missed)
        assert trace.n_attempts == 3 or "hit" in trace.text.split()


@pytest.mark.slow
def test_more_restarts_are_right_more_often(model):
    one, four = (
        measure_budget(model, PUZZLES, AttemptBudget(n, True), 20, 1.0, restarted_traces)
        for n in (1, 4)
    )
    assert four.accuracy > one.accuracy and four.tokens > one.tokens and four.control == 1


def test_an_exact_budget_is_refused(model):
    with pytest.raises(BadInput, match="stop at the first hit"):
        restarted_traces(model, PROMPTS, AttemptBudget(2), 1.0, torch.Generator())
