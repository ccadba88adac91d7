import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from gpt.errors import BadInput
from reasoning.voting.curve import measured_rate, predicted_rate, vote_curve
from reasoning.voting.prediction import plurality_chance


def test_rates_of_one_problem_by_hand():
    answers = [7, 8, 8, 7, None, 7]  # groups of three: 8 wins, then 7
    assert measured_rate(answers, 7, 3) == 0.5
    assert measured_rate(answers, 8, 2) == pytest.approx(1 / 3)  # 7 before 8, 8 before 7, 7
    assert predicted_rate(answers, 7, 3) == plurality_chance(1 / 2, [1 / 3], 3)
    assert predicted_rate(answers, 9, 3) == 0


def test_independent_samples_are_predicted():
    random = np.random.default_rng(0)
    chances = random.dirichlet([3, 1, 1, 1], size=150)
    answers = [[[1, 2, 3, None][k] for k in random.choice(4, 64, p=p)] for p in chances]
    rates = vote_curve(answers, [1] * 150, [1, 4, 16])
    assert [rate.n for rate in rates] == [1, 4, 16]
    assert all(rate.low < rate.measured < rate.high for rate in rates)
    assert all(abs(rate.measured - rate.predicted) < 0.05 for rate in rates)
    assert rates[0].measured < rates[1].measured < rates[2].measured


def test_samples_that_depend_on_each_other_are_not_predicted():
    # every group of four agrees with itself, so a vote of four is worth no more than one sample
    random = np.random.default_rng(0)
    answers = [np.repeat(random.choice([1, 1, 2], 16), 4).tolist() for _ in range(100)]
    [one, four] = vote_curve(answers, [1] * 100, [1, 4])
    assert four.measured == pytest.approx(one.measured)
    assert four.predicted > four.high


def test_too_few_samples_are_refused():
    with pytest.raises(BadInput, match="votes of 4 need 8 samples, got 7"):
        vote_curve([[1] * 8, [1] * 7], [1, 1], [2, 4])
    with pytest.raises(BadInput, match="need 2 samples, got 0"):
        vote_curve([], [], [1])


def test_the_script_prints_its_rates_as_json(monkeypatch, capsys):
    path = Path(__file__).parents[1] / "scripts" / "votes.py"
    monkeypatch.setattr("sys.argv", [str(path), "--n-problems", "2", "--json"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(path), run_name="__main__")
    report = json.loads(capsys.readouterr().out)
    assert stop.value.code == 0 and 0 <= report["greedy"] <= 1
    assert [vote["n"] for vote in report["votes"]] == [1, 2, 4, 8, 16, 32]
