"""Every number of the step is explained, down to draws, token ids and constants."""

import ast
import math
import random
import re
from functools import cache

import pytest

from handcalc.explaining.explain import Explainer
from handcalc.explaining.expression import Expression, formula, leaf_names
from handcalc.gradients.check import TARGETS, TOKENS
from handcalc.model.transformer import BLOCKS, forward
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.optimizers import OPTIMIZERS, update

NAME = re.compile(r"(?<![\d.\w])[A-Za-z_]\w*(?:\.\d+)?(?:\[\d+\])*(?:\.[a-z]+)*(?![\w(])")
FUNCTIONS = {"exp": math.exp, "log": math.log, "tanh": math.tanh}
OPERATIONS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def evaluated(node):
    """Evaluate arithmetic, and nothing else, read by Python's own parser."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp):
        assert isinstance(node.op, ast.USub)
        return -evaluated(node.operand)
    if isinstance(node, ast.BinOp):
        return OPERATIONS[type(node.op)](evaluated(node.left), evaluated(node.right))
    if isinstance(node, ast.Name):
        assert node.id == "inf"
        return math.inf
    assert isinstance(node, ast.Call)
    return FUNCTIONS[node.func.id](*map(evaluated, node.args))


def arithmetic(text):
    return evaluated(ast.parse(text, mode="eval").body)


@cache
def explainer(block, optimizer="adamw"):
    c = forward(initial_weights(Shape(), block), TOKENS, TARGETS, block)
    c.backward()
    update(c, OPTIMIZERS[optimizer], {}, 1)
    return Explainer(c)


def value_of(explain, name):
    tensor, indices = explain.locate(name)
    number = explain.c.values[tensor]
    for index in indices:
        number = number[index]
    return number


def walk(explain, names):
    """Explain the names and all their inputs; return the names seen and the leaves reached."""
    open_names, seen, found_leaves = list(names), set(), {}
    while open_names:
        name = open_names.pop()
        if name in seen:
            continue
        seen.add(name)
        found = explain(name)
        assert found.value == value_of(explain, name)
        if not found.formula:
            found_leaves[name] = found.how
            assert not found.inputs and not found.numbers
            continue
        assert arithmetic(found.numbers) == found.value
        in_formula = [n for n in NAME.findall(found.formula) if n != "inf"]
        ids = {n for n in found.inputs if n.startswith(("tokens", "targets"))}
        assert set(in_formula) == set(found.inputs) - ids
        literal = NAME.sub(lambda match: told(explain, match[0]), found.formula)
        assert arithmetic(literal) == found.value
        assert literal.replace("(", "").replace(")", "") == (
            found.numbers.replace("(", "").replace(")", "")
        )
        open_names += found.inputs
    return seen, found_leaves


def told(explain, name):
    return name if name == "inf" else f"({value_of(explain, name)!r})"


@pytest.mark.parametrize(
    "block",
    [each if each == "pre-ln" else pytest.param(each, marks=pytest.mark.slow) for each in BLOCKS],
)
def test_every_number_of_the_step_leads_down_to_leaves(block):
    explain = explainer(block)
    names = explain.names
    seen, found_leaves = walk(explain, names)
    assert seen == set(names)
    draws = {name: how for name, how in found_leaves.items() if how.startswith("draw")}
    stream = random.Random(42)
    drawn_here = [stream.gauss(0, 0.1) for _ in range(3424)]
    assert len(draws) == 3424
    for name, how in draws.items():
        assert value_of(explain, name) == drawn_here[int(how.removeprefix("draw ")) - 1]
    assert set(found_leaves.values()) - set(draws.values()) == {
        "a constant", "a constant: this weight begins at 0", "a token id",
        "a constant: this weight begins at 1",
    }  # fmt: skip
    learning = {name for name, how in found_leaves.items() if "this weight" in how}
    assert learning == {n for n in names if re.fullmatch(r"(gamma|beta)(\.\d)?\[\d+\]", n)}
    constants = {name for name, how in found_leaves.items() if how == "a constant"}
    assert {name for name in constants if not name.endswith(".before")} == {
        "n_heads", "d_k", "epsilon", "step", "rate", "beta1", "beta2", "adam_epsilon", "decay",
    }  # fmt: skip


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_the_other_updates_are_explained_too(optimizer):
    explain = explainer("classic", optimizer)
    names = [name for name in explain.names if re.fullmatch(r"b_1.*", name)]
    assert "b_1[7].new" in names
    walk(explain, names)


@pytest.mark.parametrize(
    ("name", "formula", "inputs"),
    [
        ("X[1][3]", "token[3][3] + position[1][3]",
         ["token[3][3]", "position[1][3]", "tokens[1]"]),
        ("QK.0[1][0]", " + ".join(f"Q.0[1][{k}] * K.0[0][{k}]" for k in range(8)), None),
        ("S.0[1][0]", "QK.0[1][0] / d_k ** 0.5", ["QK.0[1][0]", "d_k"]),
        ("S.0[0][1]", "-inf", []),
        ("logits[2][5].grad", "(probabilities[2][5] - 1.0) / 4",
         ["probabilities[2][5]", "targets[2]"]),
        ("logits[2][4].grad", "probabilities[2][4] / 4", ["probabilities[2][4]", "targets[2]"]),
        ("logits[4][4].grad", "0.0", []),
        ("loss", "(losses[0] + losses[1] + losses[2] + losses[3]) / 4", None),
        ("W_O[0][1].m", "beta1 * W_O[0][1].m.before + (1.0 - beta1) * W_O[0][1].grad", None),
        ("token[3][0].grad", "X[1][0].grad",
         ["X[1][0].grad", *(f"tokens[{t}]" for t in range(5))]),
    ],
)  # fmt: skip
def test_formulas_that_can_be_read(name, formula, inputs):
    found = explainer("pre-ln")(name)
    assert found.formula == formula
    assert inputs is None or found.inputs == inputs


def test_indices_may_come_before_or_after_the_suffix():
    explain = explainer("pre-ln")
    assert explain("W_Q.0[3][1].grad") == explain("W_Q.0.grad[3][1]")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("W_Z[0][0]", "there is no number called 'W_Z"),
        ("W_O", "W_O is 16 x 16: it has no 'W_O'; its last number is W_O\\[15\\]\\[15\\]"),
        ("W_O[0][16].grad", "W_O.grad is 16 x 16: .* its last number is W_O\\[15\\]\\[15\\].grad"),
        ("loss[0]", "loss is a single number"),
        ("", "there is no number called ''"),
    ],
)
def test_a_wrong_name_is_a_sentence(name, message):
    with pytest.raises(ValueError, match=message):
        explainer("pre-ln")(name)


A, B, C = (Expression(value, name) for value, name in ((2.0, "a"), (-3.0, "b"), (0.1, "c")))
FORMULAS = {
    "a - (b - c)": A - (B - C),
    "a - b - c": A - B - C,
    "a + (b + c)": A + (B + C),
    "a / (b * c)": A / (B * C),
    "a * (b / c)": A * (B / C),
    "(a + b) * c": (A + B) * C,
    "a * b + c": A * B + C,
    "(a * c) ** 0.5": (A * C) ** 0.5,
    "(a ** 2) ** 3": (A**2) ** 3,
    "a ** (2.0 * c)": A ** (2.0 * C),
    "b ** 2": B**2,
    "1.0 - tanh(a + c) * exp(b)": 1.0 - (A + C).tanh() * B.exp(),
    "log(a) + 1.0": A.log() + 1.0,
    "1.0 + a": 1.0 + A,
    "2.0 * b": 2.0 * B,
}


@pytest.mark.parametrize("text", FORMULAS)
def test_parentheses_are_written_where_they_are_needed(text):
    made = FORMULAS[text]
    assert formula(made) == text
    assert arithmetic(formula(made, lambda leaf: repr(leaf.value))) == made.value
    assert list(leaf_names(made)) == re.findall(r"\b[abc]\b", text)
