"""The step of "I like transformers": the known values of four blocks, to all their digits."""

import math
import random

import pytest

from handcalc.calculation import flatten
from handcalc.gradients.check import TARGETS, TOKENS
from handcalc.model.transformer import BLOCKS, NORMS, forward, predict
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.optimizers import OPTIMIZERS, update


def step_of(block):
    c = forward(initial_weights(Shape(), block), TOKENS, TARGETS, block)
    c.backward()
    return c


def length(values):
    return math.sqrt(sum(x * x for x in values))


def close(found, expected, digits):
    for a, b in zip(found, expected, strict=True):
        assert round(a, digits) == pytest.approx(b, abs=10**-digits / 100)


@pytest.mark.parametrize(
    ("block", "losses", "loss", "gradient", "parameters"),
    [
        ("classic", [1.903260, 1.612255, 1.847907, 1.956049], 1.829868, 1.521628, 3456),
        ("residual", None, 1.796120, 2.020115, 3456),
        ("post-ln", [2.166828, 1.552674, 1.493360, 1.774678], 1.746885, 2.296954, 3488),
        ("pre-ln", [2.191265, 1.550513, 1.743564, 1.465322], 1.737666, 2.908730, 3520),
    ],
)
def test_loss_and_gradient_of_each_block(block, losses, loss, gradient, parameters):
    c = step_of(block)
    weights, values = c.weights, c.values
    if losses is not None:
        close(values["losses"], losses, 6)
    close([values["loss"]], [loss], 6)
    everything = [x for name in weights for x in flatten(values[f"{name}.grad"])]
    close([length(everything)], [gradient], 6)
    assert len(everything) == parameters


@pytest.mark.parametrize(
    ("block", "after_1", "after_100"),
    [
        ("classic", 1.804945, 0.349435),
        ("residual", 1.765584, 0.315782),
        ("post-ln", 1.707622, 0.315295),
        ("pre-ln", 1.648554, 0.288517),
    ],
)
def test_a_hundred_steps_of_adamw_learn_the_sentence(block, after_1, after_100):
    weights, memory, found = initial_weights(Shape(), block), {}, []
    for step in range(1, 101):
        c = forward(weights, TOKENS, TARGETS, block)
        found.append(c.values["loss"])
        c.backward()
        weights, memory = update(c, OPTIMIZERS["adamw"], memory, step)
    found.append(forward(weights, TOKENS, TARGETS, block).values["loss"])
    close([found[1], found[100]], [after_1, after_100], 6)
    if block == "classic":
        known = [1.781245, 1.717198, 1.630541, 1.495945, 0.870328]
        close([found[n] for n in (2, 5, 10, 20, 50)], known, 6)


@pytest.mark.parametrize(("rate", "after"), [(0.01, 1.807202), (0.1, 1.646495), (0.5, 1.438445)])
def test_one_step_of_plain_descent(rate, after):
    c = step_of("classic")
    weights, _ = update(c, OPTIMIZERS["sgd"], {}, 1, rate=rate)
    close([forward(weights, TOKENS, TARGETS, "classic").values["loss"]], [after], 6)


def test_the_forward_pass_of_the_classic_block():
    values = step_of("classic").values
    close([values["token"][1][0]], [0.024634], 6)
    close(values["X"][0][:3], [0.1473, 0.1281, 0.1995], 4)
    close(values["QK.0"][0], [-0.0126, 0.0213, -0.0152, 0.0211, -0.0137], 4)
    close(values["A.0"][1][:2], [0.5014, 0.4986], 4)
    close(values["A.0"][2][:3], [0.3320, 0.3348, 0.3332], 4)
    close(values["A.0"][3][:4], [0.2501, 0.2492, 0.2506, 0.2501], 4)
    close(values["A.0"][4], [0.1999, 0.2007, 0.1999, 0.2000, 0.1996], 4)
    close(values["A.1"][1][:2], [0.5009, 0.4991], 4)
    close(values["A.1"][2][:3], [0.3342, 0.3337, 0.3322], 4)
    close(values["A.1"][3][:4], [0.2514, 0.2494, 0.2510, 0.2482], 4)
    close(values["A.1"][4], [0.1999, 0.1997, 0.2001, 0.2000, 0.2003], 4)
    close(map(length, values["X"]), [0.5278, 0.5427, 0.6472, 0.5671, 0.4462], 4)
    close(map(length, values["M"]), [0.0637, 0.0507, 0.0369, 0.0334, 0.0280], 4)
    close(values["M"][0][:3], [0.0334, 0.0033, -0.0041], 4)
    close(values["F"][0][:4], [0.0043, -0.0896, 0.0020, 0.2294], 4)
    close([values["mean"][0], values["variance"][0]], [0.052101, 0.011860], 6)
    close([values["std"][0]], [0.108949], 6)
    close(values["N"][0][:3], [-0.1319, -1.2702, -0.4969], 4)
    below_1 = [sum(x * x for x in row) / 16 - (sum(row) / 16) ** 2 for row in values["N"]]
    close(below_1, [0.999158, 0.999175, 0.999211, 0.999223, 0.999231], 6)
    close(values["logits"][0], [0.3362, -0.1025, -0.0514, -0.0053, 0.2907, 0.0848], 4)
    close(values["probabilities"][0], [0.2098, 0.1353, 0.1424, 0.1491, 0.2004, 0.1631], 4)
    close([math.exp(values["loss"]), math.log(6)], [6.2331, 1.7918], 4)


def test_the_gradients_of_the_classic_block():
    values = step_of("classic").values
    lengths = {
        "head": 1.227481, "b_2": 0.731446, "b_1": 0.309922, "W_2": 0.303787, "W_O": 0.141540,
        "token": 0.116572, "position": 0.116572, "W_V.0": 0.105575, "W_V.1": 0.103711,
        "gamma": 0.093827, "beta": 0.082540, "W_1": 0.023685, "W_Q.0": 0.000303,
        "W_Q.1": 0.000287, "W_K.0": 0.000238, "W_K.1": 0.000217,
    }  # fmt: skip
    for name, expected in lengths.items():
        close([length(flatten(values[f"{name}.grad"]))], [expected], 6)
    entries = {
        ("W_Q.0", 0, 0): 1.054604e-5, ("W_K.0", 0, 0): -3.528222e-5, ("W_V.0", 0, 0): 6.271103e-3,
        ("W_O", 0, 0): 2.792411e-3, ("W_1", 0, 0): 3.066821e-4, ("W_2", 0, 0): 8.584626e-4,
        ("W_O", 0, 1): -1.758579e-2, ("W_O", 1, 0): -1.745640e-3, ("W_V.0", 0, 1): -5.699297e-3,
        ("W_V.0", 1, 0): 1.731182e-2, ("head", 3, 1): 1.412064e-1,
    }  # fmt: skip
    for (name, i, j), expected in entries.items():
        assert values[f"{name}.grad"][i][j] == pytest.approx(expected, rel=1e-6)
    close(values["b_2.grad"][:3], [-0.124389, 0.334762, -0.236132], 6)
    close([values["token.grad"][1][0]], [-0.00242718], 8)


@pytest.mark.parametrize("block", BLOCKS)
def test_unused_rows_have_no_gradient(block):
    values = step_of(block).values
    pad, eos = values["token.grad"][0], values["token.grad"][2]
    assert not any(pad) and not any(eos) and not any(values["position.grad"][4])
    assert all(abs(sum(row)) < 1e-15 for row in values["logits.grad"])  # shares add up to one


@pytest.mark.parametrize("block", BLOCKS)
def test_a_token_met_twice_and_a_single_head_have_gradients_too(block):
    from handcalc.calculation import map_numbers
    from handcalc.gradients.autograd import Number

    weights = initial_weights(Shape(d_model=6, n_heads=1, d_ff=5), block, seed=3)
    for n in NORMS[block]:  # at 1 and 0 a forgotten gain shows nowhere
        weights[f"gamma{n}"] = [0.5 + 0.2 * k for k in range(6)]
        weights[f"beta{n}"] = [0.1 * k - 0.2 for k in range(6)]
    tokens, targets = [1, 4, 4, 3], [4, 4, 3, 2]
    c = forward(weights, tokens, targets, block)
    c.backward()
    engine = {name: map_numbers(Number, tensor) for name, tensor in weights.items()}
    forward(engine, tokens, targets, block).values["loss"].backward()
    for name in weights:
        found = [number.grad for number in flatten(engine[name])]
        assert flatten(c.values[f"{name}.grad"]) == pytest.approx(found, abs=1e-12)


def test_a_text_longer_than_the_positions_is_refused():
    with pytest.raises(ValueError, match="6 tokens do not fit 5 positions"):
        forward(initial_weights(Shape(), "pre-ln"), [1, 3, 3, 3, 3, 2], [3], "pre-ln")


def test_a_calculation_without_a_loss_has_no_backward_pass():
    c = predict(initial_weights(Shape(), "pre-ln"), TOKENS, "pre-ln")
    with pytest.raises(ValueError, match="no loss to differentiate"):
        c.backward()


def test_another_seed_draws_other_weights():
    stream = random.Random(7)
    expected = [stream.gauss(0, 0.1) for _ in range(96)]
    assert flatten(initial_weights(Shape(), "pre-ln", seed=7)["token"]) == expected
    assert initial_weights(Shape(), "pre-ln", seed=7) != initial_weights(Shape(), "pre-ln")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"d_ff": 0}, "d_ff must be at least 1, got 0"),
        ({"n_heads": -1}, "n_heads must be at least 1, got -1"),
        ({"n_heads": 3}, "d_model 16 does not divide into 3 heads"),
    ],
)
def test_a_shape_that_cannot_be_built_is_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        Shape(**sizes)
