import numpy as np
import pytest
import torch

from reasoning.grpo.evaluation import (
    TaskEvaluation,
    TaskRates,
    compare_evaluations,
    evaluate,
    task_rates,
)
from reasoning.start.shipped import load_start_model


def test_rates_by_hand():
    scores = np.zeros((3, 32))
    scores[1] = 1  # all right; the first problem has none
    scores[2, 0] = 1  # one of 32: a group of 8 has it with a chance of 8/32
    rates = task_rates(scores, np.array([0.0, 1, 1]), nats=30.0, n_tokens=960)
    assert rates.score == pytest.approx(33 / 96)
    assert rates.greedy == pytest.approx(2 / 3)
    assert rates.pass_at_8 == pytest.approx((0 + 1 + 1 / 4) / 3)
    assert rates.pass_at_32 == pytest.approx(2 / 3)
    assert rates.flat == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert (rates.entropy, rates.length) == (30 / 960, 10)


def test_gains_are_paired_over_problems():
    """Every problem gains 0.1, so the interval has no width, however unequal the problems are."""
    rates = TaskRates(*[0.0] * 7)
    hard = np.linspace(0, 0.9, 50)
    before, after = TaskEvaluation(rates, hard, hard), TaskEvaluation(rates, hard + 0.1, hard[::-1])
    report = compare_evaluations(before, after)
    gain = report["gains"]["score"]
    assert [gain["gain"], gain["low"], gain["high"]] == pytest.approx([0.1] * 3)
    greedy = report["gains"]["greedy"]
    assert greedy["gain"] == pytest.approx(0, abs=1e-12)
    assert greedy["low"] < -0.1 and greedy["high"] > 0.1
    kept = report["problems"]
    assert kept["before"] == {"score": hard.tolist(), "greedy": hard.tolist()}
    assert kept["after"] == {"score": (hard + 0.1).tolist(), "greedy": hard[::-1].tolist()}


def test_the_samples_of_a_problem_are_scored_for_it():
    model = load_start_model().model
    torch.set_num_threads(1)
    seen = []

    def is_first(prompt, answers):
        seen.append((prompt, len(answers)))
        return [float(prompt.startswith("24"))] * len(answers)

    prompts = ["24 : 4 7 9 11 think"] * 9 + ["25 : 4 7 9 11 think"] * 9
    found = evaluate(model, prompts, is_first, 3)
    assert found.scores.tolist() == found.greedy.tolist() == [1.0] * 9 + [0.0] * 9
    assert seen.count((prompts[0], 32)) == seen.count((prompts[-1], 32)) == 9
    assert found.rates.score == 0.5 and found.rates.length == 3 and found.rates.entropy > 0.1
