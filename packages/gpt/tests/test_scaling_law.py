import json
import math
from pathlib import Path

import numpy as np
import pytest

from gpt.errors import BadInput
from gpt.evaluation.scaling_law import (
    PowerLaw,
    fit_floor_and_coefficient,
    fit_power_law,
    predict_left_out,
)

SCRIPT = Path(__file__).parents[1] / "scripts" / "scaling_law.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "scaling_law.json"
SIZES = [1_000, 4_000, 16_000, 64_000]


def test_a_law_by_hand():
    # 1 + 20 / sqrt(N) for N = 100, 400, 1600: each size halves what lies above the floor
    law = fit_power_law([100, 400, 1600], [3.0, 2.0, 1.5])
    assert law == pytest.approx((1.0, 20.0, 0.5))
    assert law.loss(6400) == pytest.approx(1.25)


@pytest.mark.parametrize("law", [(0.8, 30.0, 0.3), (0.0, 12.0, 0.1), (2.5, 900.0, 1.2)])
def test_a_law_on_the_grid_is_recovered_and_predicts_what_was_left_out(law):
    exact = [PowerLaw(*law).loss(size) for size in SIZES]
    assert fit_power_law(SIZES, exact) == pytest.approx(law, rel=1e-6, abs=1e-9)
    assert predict_left_out(SIZES, exact) == pytest.approx(exact, rel=1e-6)


def test_floor_and_coefficient_are_those_of_lstsq():
    losses = np.array([3.1, 2.4, 2.2, 1.9])
    law = fit_floor_and_coefficient(np.array(SIZES, float), losses, 0.4)
    table = np.stack([np.ones(4), np.array(SIZES) ** -0.4], axis=1)
    expected = np.linalg.lstsq(table, losses, rcond=None)[0]
    assert law[:2] == pytest.approx(tuple(expected))


def test_no_law_on_the_grid_fits_noisy_losses_better():
    losses = [3.05, 2.41, 2.08, 1.93]
    law = fit_power_law(SIZES, losses)
    error = sum((law.loss(n) - loss) ** 2 for n, loss in zip(SIZES, losses, strict=True))
    for floor in np.linspace(0, 2, 21):
        for alpha in (0.1, 0.2, 0.4, 0.8):
            other = PowerLaw(floor, (3.05 - floor) * 1000**alpha, alpha)
            assert error <= sum(
                (other.loss(n) - loss) ** 2 for n, loss in zip(SIZES, losses, strict=True)
            )


def test_the_floor_is_not_negative():
    losses = [4.0, 3.8, 3.2, 2.2]  # falls faster and faster: no floor is in sight
    law = fit_power_law(SIZES, losses)
    assert law.floor == 0 and law.coefficient > 0


def test_the_prediction_of_a_model_does_not_depend_on_its_own_loss():
    losses = [3.0, 2.4, 2.1, 1.9]
    changed = [*losses[:3], 7.0]
    predicted, others = predict_left_out(SIZES, losses), predict_left_out(SIZES, changed)
    assert predicted[3] == others[3] and predicted[0] != others[0]


@pytest.mark.parametrize(
    ("sizes", "losses", "message"),
    [
        ([10, 20], [2.0, 1.0], "at least 3 different sizes, got 2"),
        ([10, 10, 20], [2.0, 1.9, 1.0], "at least 3 different sizes, got 2"),
        ([10, 20, 0], [2.0, 1.5, 1.0], "positive numbers, got 0"),
        ([10, 20, 30], [2.0, math.nan, 1.0], "positive numbers, got nan"),
        ([10, 20, 30], [2.0, 1.0], "3 sizes need as many losses, got 2"),
    ],
)
def test_measurements_without_a_law_are_refused(sizes, losses, message):
    with pytest.raises(BadInput, match=message):
        fit_power_law(sizes, losses)


def test_the_script_trains_fits_and_predicts(run_script, tmp_path):
    text = "".join(f"{n} squared is {n * n}, and that is all. " for n in range(300))
    (tmp_path / "text.txt").write_text(text)
    short = ["--steps", "1", "--repeats", "1", "--widths", "8", "16", "24", "32", "--json"]
    status, out, err = run_script(SCRIPT, "--data", tmp_path / "text.txt", *short)
    assert status == 0, err
    found, recorded = json.loads(out), json.loads(RECORDED.read_text("utf-8"))
    assert recorded.keys() == found.keys()
    assert len(found["losses"]) == 4 and len(recorded["losses"]) == 5
    means = [sum(each) / len(each) for each in recorded["losses"]]
    assert tuple(recorded["law"].values()) == pytest.approx(
        fit_power_law(recorded["n_parameters"], means)
    )


def test_the_script_refuses_three_widths(run_script):
    status, out, err = run_script(SCRIPT, "--widths", "8", "16", "24")
    assert status == 2 and not out
    assert "at least 4 different values" in err
