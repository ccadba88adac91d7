"""Budget forcing by hand: a scripted model wants words, and the budget decides which it gets."""

import numpy as np
import pytest
import torch

from gpt.errors import BadInput
from reasoning.budget.curve import (
    BudgetPoint,
    budget_metrics,
    keeps_budget,
    measure_budget,
)
from reasoning.budget.forcing import AttemptBudget, BudgetForcing, ForcedTrace, forced_traces
from reasoning.evaluation.answers import count_attempts
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import TOKENIZER

PUZZLES = [Puzzle((4, 5, 7, 9), 24), Puzzle((3, 6, 2, 3), 60), Puzzle((7, 8, 11, 12), 15)]


def force(wanted, budget):
    """Return the words that each row gets if it wants the words of its text, one per step."""
    columns = list(zip(*(TOKENIZER.encode(text) for text in wanted), strict=True))
    forcing = BudgetForcing(len(wanted), budget, 0.0, torch.Generator())
    steps = []
    for column in columns:
        logits = torch.zeros(len(wanted), TOKENIZER.vocab_size)
        logits[range(len(wanted)), list(column)] = 1.0
        steps.append(forcing(logits).tolist())
    words = [" ".join(TOKENIZER.words[token] for token in row) for row in zip(*steps, strict=True)]
    return words, forcing


def test_a_wait_replaces_the_answer_before_the_last_attempt():
    words, forcing = force(
        ["1 hit answer 2 hit wait", "1 miss wait 2 hit answer"], AttemptBudget(2)
    )
    assert words == ["1 hit wait 2 hit answer", "1 miss wait 2 hit answer"]
    assert forcing.inserted_waits.tolist() == [1, 0] and forcing.attempts.tolist() == [2, 2]


def test_the_word_after_the_last_verdict_is_answer():
    words, forcing = force(["1 miss wait 2 2"], AttemptBudget(1))
    assert words == ["1 miss answer 2 2"]
    assert not forcing.is_thinking.any() and forcing.inserted_waits.tolist() == [0]


def test_an_answer_without_a_verdict_is_put_off_as_well():
    words, forcing = force(["1 answer 2 hit wait 3"], AttemptBudget(1))
    assert words == ["1 wait 2 hit answer 3"]
    assert forcing.inserted_waits.tolist() == [1]


def test_the_end_of_the_text_before_an_answer_becomes_a_wait():
    forcing = BudgetForcing(1, AttemptBudget(1), 0.0, torch.Generator())
    ends = torch.zeros(1, TOKENIZER.vocab_size)
    ends[0, TOKENIZER.end_of_text] = 1.0
    assert forcing(ends).tolist() == TOKENIZER.encode("wait")
    forcing = BudgetForcing(1, AttemptBudget(1), 0.0, torch.Generator())
    forcing.is_thinking[:] = False
    assert forcing(ends).tolist() == [TOKENIZER.end_of_text]


def test_after_its_answer_a_trace_is_left_alone():
    words, forcing = force(["hit wait 1 hit answer 2 miss wait"], AttemptBudget(1))
    assert words == ["hit answer 1 hit answer 2 miss wait"]
    assert forcing.attempts.tolist() == [1]


def test_an_adaptive_budget_stops_at_a_hit_and_continues_after_a_miss():
    wanted = ["hit wait 1 1 1 1", "miss answer hit answer 1 1", "miss wait miss wait miss wait"]
    words, forcing = force(wanted, AttemptBudget(2, stops_at_hit=True))
    assert words == [
        "hit answer 1 1 1 1",
        "miss wait hit answer 1 1",
        "miss wait miss answer miss wait",
    ]
    assert forcing.inserted_waits.tolist() == [0, 1, 0]
    assert forcing.attempts.tolist() == [1, 2, 2]


def test_a_budget_without_attempts_is_refused():
    with pytest.raises(BadInput, match="n_attempts must be at least 1, got 0"):
        force(["1"], AttemptBudget(0))


@pytest.fixture(scope="module")
def model():
    return load_start_model().model


def test_traces_of_the_model_have_the_attempts_of_the_budget(model):
    prompts = [countdown_prompt(puzzle) for puzzle in PUZZLES] * 5
    for n in (1, 3):
        generator = torch.Generator().manual_seed(0)
        traces = forced_traces(model, prompts, AttemptBudget(n), 1.0, generator)
        assert all(trace.is_finished and trace.n_attempts == n for trace in traces)
        assert all(count_attempts(trace.text.split("answer")[0]) == n for trace in traces)
        assert [trace.n_tokens for trace in traces] == [len(each.text.split()) for each in traces]
        assert all(keeps_budget(trace, AttemptBudget(n)) for trace in traces)
    assert sum(trace.n_inserted_waits for trace in traces) > 0


def test_budgets_with_one_seed_share_the_words_before_they_differ(model):
    prompts = [countdown_prompt(puzzle) for puzzle in PUZZLES] * 20
    exact, adaptive = (
        forced_traces(model, prompts, budget, 1.0, torch.Generator().manual_seed(1))
        for budget in (AttemptBudget(2), AttemptBudget(2, stops_at_hit=True))
    )
    stopped = [trace for trace in adaptive if trace.n_attempts == 1]
    assert stopped and len(stopped) < len(adaptive)
    for longer, shorter in zip(exact, adaptive, strict=True):
        thoughts = shorter.text.split(" answer")[0]
        assert longer.text.startswith(thoughts)
        if shorter.n_attempts == 1:
            assert longer.text.startswith(f"{thoughts} wait")


def test_a_trace_without_tokens_for_its_attempts_breaks_the_budget(model):
    prompts = [countdown_prompt(puzzle) for puzzle in PUZZLES]
    generator = torch.Generator().manual_seed(0)
    for trace in forced_traces(model, prompts, AttemptBudget(3), 1.0, generator, 10):
        assert trace.n_tokens == 10 and not keeps_budget(trace, AttemptBudget(3))


@pytest.mark.parametrize(
    ("n_attempts", "is_finished", "exact", "adaptive"),
    [
        (2, True, True, True),
        (1, True, False, True),
        (3, True, False, False),
        (2, False, False, False),
    ],
)
def test_what_keeps_a_budget_of_two(n_attempts, is_finished, exact, adaptive):
    trace = ForcedTrace("", n_attempts, 0, 0, is_finished)
    assert keeps_budget(trace, AttemptBudget(2)) is exact
    assert keeps_budget(trace, AttemptBudget(2, stops_at_hit=True)) is adaptive


def point(rate, tokens, control=1.0):
    right = np.arange(100)[:, None] < 100 * rate
    return BudgetPoint(AttemptBudget(1), right, tokens, 0.0, control)


def test_control_scaling_and_performance_by_hand():
    points = [point(0.2, 10), point(0.6, 30, 0.8), point(0.4, 40, 0.6)]
    control, scaling, performance = budget_metrics(points)
    assert control == pytest.approx(0.8) and performance == pytest.approx(0.6)
    assert scaling == pytest.approx((0.4 / 20 + 0.2 / 30 - 0.2 / 10) / 3)
    assert budget_metrics([points[0], points[0], points[1]]).scaling == pytest.approx(0.4 / 20)
    assert budget_metrics([points[0], points[0]]).scaling == 0
    with pytest.raises(BadInput, match="at least two budgets"):
        budget_metrics(points[:1])


@pytest.mark.slow
def test_more_attempts_are_right_more_often_and_cost_more_tokens(model):
    one, four = (
        measure_budget(model, PUZZLES, AttemptBudget(n, stops_at_hit=True), 20, 1.0) for n in (1, 4)
    )
    assert one.right.shape == (3, 20)
    assert four.accuracy > one.accuracy and four.tokens > one.tokens
    low, high = four.interval()
    assert 0 <= low <= four.accuracy <= high <= 1
    with pytest.raises(BadInput, match="0 puzzles with 1 samples"):
        measure_budget(model, [], AttemptBudget(1), 1, 1.0)
