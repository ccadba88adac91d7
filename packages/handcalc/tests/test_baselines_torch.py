"""The step and the optimizers against PyTorch, in float64."""

import pytest

from handcalc.comparison import equality

pytest.importorskip("torch", reason="baselines: needs the extra baselines")
pytestmark = pytest.mark.baselines


def test_loss_and_gradients_of_four_blocks_equal_those_of_torch():
    rows = list(equality.step_rows())
    assert len(rows) == 4
    assert all(row.max_abs_diff < 1e-10 and row.ok for row in rows)


def test_twenty_steps_of_each_optimizer_equal_torchs():
    rows = list(equality.optimizer_rows())
    assert [row.name.split()[-1] for row in rows] == ["sgd", "momentum", "adam", "adamw"]
    assert all(row.max_abs_diff < 1e-12 and row.ok for row in rows)


def test_a_shorter_text_equals_torch_too():
    from handcalc.baselines import torch_step
    from handcalc.gradients.check import max_difference
    from handcalc.model.transformer import forward
    from handcalc.model.weights import Shape, initial_weights

    weights = initial_weights(Shape(d_model=6, n_heads=3, d_ff=5), "post-ln", seed=3)
    tokens, targets = [1, 4, 4], [4, 4, 3]
    c = forward(weights, tokens, targets, "post-ln")
    c.backward()
    loss, gradients = torch_step(weights, tokens, targets, "post-ln")
    assert c.values["loss"] == pytest.approx(loss, abs=1e-12)
    assert all(
        max_difference(c.values[f"{name}.grad"], gradients[name]) < 1e-10 for name in weights
    )
