""" "I love pizza": the numbers worked by pencil, and all others calculated in a second way."""

import math

import pytest

from handcalc.calculation import flatten, map_numbers
from handcalc.explaining.explain import Explainer
from handcalc.gradients.autograd import Number
from handcalc.gradients.differences import differences
from handcalc.layers.attention import attention
from handcalc.toys.pizza import full_attention, pencil_weights, walk
from handcalc.toys.sinusoids import sinusoids

SEEN = walk(pencil_weights(), full_attention).values
MASKED = walk(pencil_weights(), attention).values


def same(rows, expected, digits):
    """Assert that rows are equal when rounded to the digits that are written."""
    found = [[round(x, digits) for x in row] for row in rows]
    for row, numbers_of_row in zip(found, expected, strict=True):
        assert row == pytest.approx(numbers_of_row, abs=1e-9)


def test_the_rows_are_embeddings_plus_positions():
    expected = [
        [0.01, 0.80, 0.30, 1.15, -0.05, 1.11],
        [0.44, 1.14, 0.05, 1.25, 0.90, 0.70],
        [1.81, -0.52, -0.11, 0.20, 0.50, 1.75],
    ]
    for row, known in zip(SEEN["X"], expected, strict=True):
        assert row == pytest.approx(known, abs=1e-12)
    assert SEEN["X.0"] == [row[:3] for row in SEEN["X"]]
    assert SEEN["X.1"] == [row[3:] for row in SEEN["X"]]


def test_the_first_head_when_every_word_sees_all():
    same(SEEN["Q.0"], [[-0.008, -0.127, 0.379], [0.187, -0.091, 0.422], [0.343, 0.636, -0.411]], 3)
    same(SEEN["K.0"], [[0.281, 0.268, -0.017], [0.292, 0.259, 0.028], [0.033, -0.529, 0.573]], 3)
    same(SEEN["V.0"], [[-0.127, 0.211, 0.172], [-0.091, 0.381, 0.217], [0.636, 0.036, 0.277]], 3)
    same(SEEN["QK.0"][:1], [[-0.0427, -0.0246, 0.2841]], 4)
    same(SEEN["S.0"][:1], [[-0.0247, -0.0142, 0.1640]], 4)
    shares = [[0.3107, 0.3140, 0.3753], [0.3140, 0.3180, 0.3680], [0.3837, 0.3792, 0.2370]]
    same(SEEN["A.0"], shares, 4)
    same(SEEN["O.0"][:1], [[0.1706, 0.1987, 0.2255]], 4)


def test_with_the_mask_love_sees_two_words_and_pizza_all_three():
    same(MASKED["A.0"], [[1, 0, 0], [0.497, 0.503, 0], [0.384, 0.379, 0.237]], 3)
    assert MASKED["QK.0"] == SEEN["QK.0"]
    assert MASKED["O.0"][0] == MASKED["V.0"][0]  # who sees one word takes its value whole
    assert MASKED["O.0"][2] == pytest.approx(SEEN["O.0"][2], abs=1e-15)


def test_unrounded_positions_change_the_third_digits():
    exact = walk(pencil_weights() | {"position": sinusoids(3, 6)}, full_attention).values
    assert round(exact["Q.0"][1][0], 3) == 0.188  # by pencil .187
    assert round(exact["O.0"][0][0], 4) == 0.1703  # by pencil .1706
    rounded = {"token": map_numbers(lambda x: round(x, 2), exact["X"]), "position": [[0.0] * 6] * 3}
    later = walk(pencil_weights() | rounded, full_attention).values  # rounding the sum is the same
    for name in ("Q.0", "K.0", "V.0", "A.0", "O.0"):
        assert flatten(later[name]) == pytest.approx(flatten(SEEN[name]), abs=1e-12)


def test_the_second_head_by_hand():
    weights = pencil_weights()
    assert weights["W_Q.1"] == [[0.0, -0.1, 0.0], [0.2, 0.0, -0.4], [0.1, -0.1, -0.1]]
    assert weights["W_K.1"] == [[0.0, 0.1, 0.3], [0.2, 0.0, -0.2], [-0.3, 0.1, 0.4]]
    assert weights["W_V.1"] == [[0.0, 0.0, 0.2], [-0.4, -0.1, 0.1], [0.3, -0.1, 0.1]]
    # I reads 1.15 -.05 1.11: .2 (-.05) + .1 (1.11) = .101, and so on
    same(SEEN["Q.1"], [[0.101, -0.226, -0.091], [0.25, -0.195, -0.43], [0.275, -0.195, -0.375]], 3)
    same(SEEN["K.1"], [[-0.343, 0.226, 0.799], [-0.03, 0.195, 0.475], [-0.425, 0.195, 0.66]], 3)
    same(SEEN["V.1"], [[0.353, -0.106, 0.336], [-0.15, -0.16, 0.41], [0.325, -0.225, 0.265]], 3)


def test_the_heads_together_for_the_first_word():
    assert pencil_weights()["W_O"] == [
        [0.1, 0.2, -0.1, 0.3, 0.1, -0.2],
        [0.2, -0.1, 0.3, 0.1, 0.2, 0.1],
        [-0.1, 0.3, 0.1, -0.2, 0.3, 0.2],
        [0.3, 0.1, 0.2, -0.1, 0.1, 0.3],
        [0.1, -0.2, 0.3, 0.2, -0.1, 0.1],
        [-0.2, 0.3, 0.1, 0.3, 0.2, -0.1],
    ]
    # I sees itself alone: its values, then a row of W_O for each number,
    # .1 (-.127) + .2 (.211) - .1 (.172) + .3 (.353) + .1 (-.106) - .2 (.336) = .0404
    same(MASKED["C"][:1], [[-0.127, 0.211, 0.172, 0.353, -0.106, 0.336]], 3)
    same(MASKED["M"][:1], [[0.0404, 0.0528, 0.0580, 0.0723, 0.1115, 0.1570]], 4)


def test_the_logits_to_four_decimals():
    masked = [[0.2294, 0.6033, -1.1267], [-0.3666, 2.1351, -1.0655], [0.0833, -1.4972, 2.2812]]
    seen = [[0.2038, 0.7800, -1.2907], [-0.4585, 2.1481, -0.9318], [0.0833, -1.4972, 2.2812]]
    same(MASKED["logits"], masked, 4)
    same(SEEN["logits"], seen, 4)
    for row, logits in zip(MASKED["probabilities"], masked, strict=True):
        total = sum(map(math.exp, logits))
        assert row == pytest.approx([math.exp(logit) / total for logit in logits], abs=5e-5)


def test_drawn_weights_have_one_decimal_and_no_minus_zero():
    weights = pencil_weights()
    sizes = {"W_1": (24, 6), "W_2": (6, 24)}
    for name, (rows, columns) in sizes.items():
        assert (len(weights[name]), len(weights[name][0])) == (rows, columns)
    assert (len(weights["b_1"]), len(weights["b_2"])) == (24, 6)
    drawn = [x for name in ("W_1", "b_1", "W_2", "b_2") for x in flatten(weights[name])]
    assert all(x == round(x, 1) for x in drawn)
    assert "-0.0" not in map(str, drawn)
    assert 0.25 < math.sqrt(sum(x * x for x in drawn) / len(drawn)) < 0.35  # N(0, .3^2)


def normal(row):
    """Return LayerNorm computed in another way: by the mean of squares."""
    mean, square = math.fsum(row) / 6, math.fsum(x * x for x in row) / 6
    return [(x - mean) / math.sqrt(square - mean**2 + 1e-5) for x in row]


@pytest.mark.parametrize("masked", [False, True])
def test_all_stages_again_in_plain_loops(masked):
    w, found = pencil_weights(), MASKED if masked else SEEN
    six, words = range(6), range(3)
    x = [[w["token"][t][i] + w["position"][t][i] for i in six] for t in words]
    joined = [[] for _ in words]
    for h in (0, 1):
        q, k, v = (
            [[math.fsum(x[t][3 * h + i] * w[f"W_{letter}.{h}"][i][j] for i in range(3))
              for j in range(3)] for t in words] for letter in "QKV"
        )  # fmt: skip
        for t in words:
            seen = range(t + 1) if masked else words
            powers = {s: math.exp(math.fsum(q[t][j] * k[s][j] for j in range(3)) / math.sqrt(3))
                      for s in seen}  # fmt: skip
            for j in range(3):
                joined[t].append(math.fsum(powers[s] * v[s][j] for s in seen)
                                 / math.fsum(powers.values()))  # fmt: skip
    for t in words:
        m = [math.fsum(joined[t][i] * w["W_O"][o][i] for i in six) for o in six]
        first = normal([x[t][o] + m[o] for o in six])
        hidden = [max(0, math.fsum(first[i] * w["W_1"][f][i] for i in six) + w["b_1"][f])
                  for f in range(24)]  # fmt: skip
        f = [math.fsum(hidden[g] * w["W_2"][o][g] for g in range(24)) + w["b_2"][o] for o in six]
        last = normal([first[o] + f[o] for o in six])
        logits = [math.fsum(last[i] * w["token"][v][i] for i in six) for v in words]
        stages = {"C": joined[t], "M": m, "N.0": first, "G": hidden, "F": f, "N.1": last}
        for name, row in (stages | {"logits": logits}).items():
            assert found[name][t] == pytest.approx(row, abs=1e-12), name


def test_a_later_word_changes_earlier_rows_only_without_the_mask():
    other = pencil_weights()
    other["token"] = [*other["token"][:2], [0.5] * 6]
    assert walk(other, attention).values["N.1"][:2] == MASKED["N.1"][:2]
    seen = walk(other, full_attention).values["N.1"]
    assert max(abs(x - y) for x, y in zip(seen[0], SEEN["N.1"][0], strict=True)) > 0.01


def test_every_value_except_the_inputs_has_a_line():
    c = walk(pencil_weights(), attention)
    made = [name for line in c.lines for name in line.names]
    given = set(pencil_weights()) | {"tokens", "n_heads", "d_k", "epsilon"}
    assert set(c.values) == set(made) | given and len(made) == len(set(made))
    for line in c.lines:
        known = made[: made.index(line.names[0])]
        assert set(line.inputs) <= given | set(known)
        assert line.function.__doc__


@pytest.mark.parametrize("head", [attention, full_attention])
def test_every_number_can_be_explained_and_its_formula_gives_it_again(head):
    explain = Explainer(walk(pencil_weights(), head))
    formulas = [found for found in map(explain, explain.names) if found.formula]
    assert len(formulas) > 400
    for found in formulas:
        again = eval(found.numbers, {"exp": math.exp, "inf": math.inf})
        assert again == pytest.approx(found.value, abs=1e-15)


def test_the_autograd_engine_differentiates_the_walk():
    weights = pencil_weights()
    engine = {name: map_numbers(Number, tensor) for name, tensor in weights.items()}
    logit = walk(engine, attention).values["logits"][1][2]
    logit.backward()
    assert logit.value == pytest.approx(MASKED["logits"][1][2], abs=1e-12)
    for name in ("W_Q.1", "W_O", "W_1", "token"):
        slopes = differences(lambda: walk(weights, attention).values["logits"][1][2], weights[name])
        found = [number.grad for number in flatten(engine[name])]
        assert found == pytest.approx(flatten(slopes), abs=1e-8)
