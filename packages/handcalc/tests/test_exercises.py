"""Solutions pass, stubs are stubs, and each check catches common mistakes."""

import math
from importlib import import_module

import pytest

from handcalc.calculation import dot, times, times_transposed, transposed_times, weighted_sum
from handcalc.exercises.__main__ import main, names, verdict
from handcalc.layers.attention import softmax, softmax_backward
from handcalc.layers.feed_forward import gelu_slope
from handcalc.layers.layer_norm import (
    means,
    scale_and_shift,
    standard_deviations,
    standardise,
    variances,
)
from handcalc.toys.proportions import proportions


def check(name, answer):
    import_module(f"handcalc.exercises.check_{name}").check(answer)


def answer(home, name):
    return getattr(import_module(f"handcalc.exercises.{home}.{name}"), name)


@pytest.mark.parametrize("name", names())
def test_the_solution_passes(name):
    check(name, answer("solutions", name))


@pytest.mark.parametrize("name", names())
def test_the_stub_is_open_until_a_reader_solves_it(name):
    assert verdict(name) in ("open", "solved")


def split_rows(a, n):
    size = len(a) // n
    return [a[i * size : (i + 1) * size] for i in range(n)]


def masked_gradient(p, targets, n, pushed):
    return [
        [(share - (v == target)) / n for v, share in enumerate(row)]
        if pushed or target is not None
        else [0.0] * len(row)
        for row, target in zip(p, targets, strict=True)
    ]


def norm_gradient(x, epsilon, z_grad, middle, stretched):
    r = math.sqrt(dot(x, x) / len(x) + epsilon)
    z = [each / r for each in x]
    mean = math.fsum(z_grad) / len(x) if middle else 0.0
    along = dot(z_grad, z) / len(x) if stretched else 0.0
    return [(g - mean - along * each) / r for g, each in zip(z_grad, z, strict=True)]


def one_query_by(slopes, root):
    def one_query_backward(q, keys, values, o_grad):
        p = softmax([dot(q, key) / math.sqrt(len(q)) for key in keys])
        s_grad = [s / root(len(q)) for s in slopes(p, [dot(o_grad, value) for value in values])]
        q_grad, keys_grad = weighted_sum(s_grad, keys), [[s * each for each in q] for s in s_grad]
        return q_grad, keys_grad, [[share * g for g in o_grad] for share in p]

    return one_query_backward


def adam_by(slope, move):
    def adamw_path(w, gradients, rate, decay):
        m, v, path = 0.0, 0.0, []
        for step, gradient in enumerate(gradients, start=1):
            g = slope(w, gradient, decay)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            corrected = m / (1 - 0.9**step) / (math.sqrt(v / (1 - 0.999**step)) + 1e-8)
            w = move(w, rate, decay, corrected, m / (math.sqrt(v) + 1e-8))
            path.append(w)
        return path

    return adamw_path


def first_rise(losses, patience):
    rises = [i for i in range(1, len(losses)) if losses[i] > losses[i - 1]]
    return rises[0] - 1 if rises else len(losses) - 1


def since_the_last_fall(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        waited = 0 if losses[now] < losses[now - 1] else waited + 1
        best = now if losses[now] < losses[best] else best
        if waited == patience:
            break
    return best


WRONG = {
    # "exercise: the mistake": ("exercise", function that makes it),
    "vocabulary: in the order of the alphabet": (
        "vocabulary",
        lambda texts: ["PAD", "BOS", "EOS", *sorted({w for text in texts for w in text.split()})],
    ),
    "vocabulary: a word as often as it is met": (
        "vocabulary",
        lambda texts: ["PAD", "BOS", "EOS", *" ".join(texts).split()],
    ),
    "score_form: who asks and who is asked exchanged": (
        "score_form",
        lambda w_q, w_k: times_transposed(w_k, w_q),
    ),
    "score_form: inputs and outputs exchanged": ("score_form", transposed_times),
    "attend: no root": (
        "attend",
        lambda query, keys, values: weighted_sum(
            softmax([dot(query, key) for key in keys]), values
        ),
    ),
    "attend: the root of the number of keys": (
        "attend",
        lambda query, keys, values: weighted_sum(
            softmax([dot(query, key) / len(keys) ** 0.5 for key in keys]), values
        ),
    ),
    "attend: shares in proportion": (
        "attend",
        lambda query, keys, values: weighted_sum(
            proportions([dot(query, key) / len(query) ** 0.5 for key in keys]), values
        ),
    ),
    "attend: powers of the scores as they are": (
        "attend",
        lambda query, keys, values: weighted_sum(
            proportions([math.exp(dot(query, key) / len(query) ** 0.5) for key in keys]), values
        ),
    ),
    "contributions: rows of W_O in place of columns": (
        "contributions",
        lambda outputs, w_o: [
            times(o, own) for o, own in zip(outputs, split_rows(w_o, len(outputs)), strict=True)
        ],
    ),
    "contributions: the heads take columns in turns": (
        "contributions",
        lambda outputs, w_o: [
            times_transposed(o, [row[h :: len(outputs)] for row in w_o])
            for h, o in enumerate(outputs)
        ],
    ),
    "exact_gelu_slope: that of the tanh form": ("exact_gelu_slope", gelu_slope),
    "exact_gelu_slope: the product rule forgotten": (
        "exact_gelu_slope",
        lambda x: (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0,
    ),
    "rms_norm: the mean is taken away": (
        "rms_norm",
        lambda x, gamma, epsilon: scale_and_shift(
            standardise(x, means(x), standard_deviations(variances(x, means(x)), epsilon)),
            gamma,
            [0.0] * len(gamma),
        ),
    ),
    "rms_norm: epsilon beside the root": (
        "rms_norm",
        lambda x, gamma, epsilon: [
            [
                g * each / ((dot(row, row) / len(row)) ** 0.5 + epsilon)
                for g, each in zip(gamma, row, strict=True)
            ]
            for row in x
        ],
    ),
    "widened_head: copies for all parts": ("widened_head", lambda w, head, n_heads: w * n_heads),
    "widened_head: zeros beside it, not above and below": (
        "widened_head",
        lambda w, head, n_heads: [
            [0.0] * len(w[0]) * head + row + [0.0] * len(w[0]) * (n_heads - 1 - head) for row in w
        ],
    ),
    "widened_head: always the first part": (
        "widened_head",
        lambda w, head, n_heads: w + [[0.0] * len(w[0])] * len(w) * (n_heads - 1),
    ),
    "count_products: heads read whole rows": (
        "count_products",
        lambda t, d, heads, ff, v: t * (4 * d**2 + 2 * d * ff + d * v) + 2 * t**2 * d,
    ),
    "count_products: every word sees one word": (
        "count_products",
        lambda t, d, heads, ff, v: t * (3 * d**2 // heads + d**2 + 2 * d * ff + d * v + 2 * d),
    ),
    "read_position: the fast hand": (
        "read_position",
        lambda row: round(math.atan2(row[0], row[1]) % (2 * math.pi)),
    ),
    "read_position: the sine alone": (
        "read_position",
        lambda row: round(math.asin(row[4]) * 10000 ** (2 / 3)),
    ),
    "read_position: half a turn and no more": (
        "read_position",
        lambda row: round(math.atan2(row[4], row[5]) * 10000 ** (2 / 3)),
    ),
    "binary_row: the ones last": (
        "binary_row",
        lambda t, n_digits: [float(digit) for digit in f"{t:0{n_digits}b}"],
    ),
    "binary_row: no digits above the first one": (
        "binary_row",
        lambda t, n_digits: [float(digit) for digit in reversed(f"{t:b}")],
    ),
    "log_softmax: the logarithm of a share": (
        "log_softmax",
        lambda logits: [math.log(share) for share in softmax(logits)],
    ),
    "log_softmax: powers of the logits as they are": (
        "log_softmax",
        lambda logits: [x - math.log(math.fsum(map(math.exp, logits))) for x in logits],
    ),
    "log_softmax: the largest taken away, and no more": (
        "log_softmax",
        lambda logits: [x - max(logits) for x in logits],
    ),
    "masked_loss_backward: a mean over all positions": (
        "masked_loss_backward",
        lambda p, targets: masked_gradient(p, targets, len(targets), pushed=False),
    ),
    "masked_loss_backward: what does not count pushes all words down": (
        "masked_loss_backward",
        lambda p, targets: masked_gradient(
            p, targets, len(targets) - targets.count(None), pushed=True
        ),
    ),
    "rms_norm_backward: the size of the row taken as constant": (
        "rms_norm_backward",
        lambda x, epsilon, z_grad: norm_gradient(x, epsilon, z_grad, False, False),
    ),
    "rms_norm_backward: the mean of LayerNorm": (
        "rms_norm_backward",
        lambda x, epsilon, z_grad: norm_gradient(x, epsilon, z_grad, True, True),
    ),
    "rms_norm_backward: epsilon forgotten": (
        "rms_norm_backward",
        lambda x, epsilon, z_grad: norm_gradient(x, 0.0, z_grad, False, True),
    ),
    "one_query_backward: shares that do not compete": (
        "one_query_backward",
        one_query_by(lambda p, g: [a * (1 - a) * b for a, b in zip(p, g, strict=True)], math.sqrt),
    ),
    "one_query_backward: the plain mean": (
        "one_query_backward",
        one_query_by(
            lambda p, g: [a * (b - math.fsum(g) / len(g)) for a, b in zip(p, g, strict=True)],
            math.sqrt,
        ),
    ),
    "one_query_backward: the root forgotten": (
        "one_query_backward",
        one_query_by(softmax_backward, lambda width: 1.0),
    ),
    "adamw_path: L2": (
        "adamw_path",
        adam_by(
            lambda w, g, decay: g + decay * w,
            lambda w, rate, decay, corrected, raw: w - rate * corrected,
        ),
    ),
    "adamw_path: no correction": (
        "adamw_path",
        adam_by(
            lambda w, g, decay: g,
            lambda w, rate, decay, corrected, raw: w - rate * decay * w - rate * raw,
        ),
    ),
    "adamw_path: the decay of the moved weight": (
        "adamw_path",
        adam_by(
            lambda w, g, decay: g,
            lambda w, rate, decay, corrected, raw: (1 - rate * decay) * (w - rate * corrected),
        ),
    ),
    "early_stop: at the first rise": ("early_stop", first_rise),
    "early_stop: patience with each rise anew": ("early_stop", since_the_last_fall),
    "early_stop: the best of all, known too late": (
        "early_stop",
        lambda losses, patience: losses.index(min(losses)),
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_answer_fails(mistake):
    name, wrong = WRONG[mistake]
    with pytest.raises(AssertionError):
        check(name, wrong)


def test_every_exercise_has_a_wrong_answer_here():
    assert {name for name, _ in WRONG.values()} == set(names())


def test_the_command_lists_every_exercise(capsys):
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == names()
