"""The three shapes on one task, and the script that compares them, with steps that take seconds."""

import json
from pathlib import Path

import pytest
import torch

from gpt.architectures.three_shapes import SHAPES, AnswerFormat
from gpt.training.loop import LoopConfig, train

SCRIPT = Path(__file__).parents[1] / "scripts" / "architectures.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "architectures.json"
FORM = AnswerFormat(begin=1, end=2, mask=3, vocab_size=12, max_source=4, max_answer=3)
PAIRS = [([5, 6, 7], [8, 9]), ([7, 5], [10]), ([11, 4, 4, 6], [6, 5])]


def test_the_rows_that_each_shape_reads_and_predicts():
    gpt, bert, t5 = (make(FORM, 2, 16).batch(PAIRS[:2]) for make in SHAPES.values())
    assert gpt.tokens.tolist() == [[5, 6, 7, 1, 8, 9], [7, 5, 1, 10, 2, 0]]
    assert gpt.targets.tolist() == [[-100, -100, -100, 8, 9, 2], [-100, -100, 10, 2, -100, -100]]
    assert bert.tokens.tolist() == [[3, 3, 3, 1, 5, 6, 7], [3, 3, 3, 1, 7, 5, 0]]
    assert bert.targets.tolist() == [8, 9, 2, 10, 2, 2]
    assert bert.kept.tolist() == [[True] * 7, [True] * 6 + [False]]
    assert t5.source.tolist() == [[5, 6, 7], [7, 5, 0]]
    assert t5.targets.tolist() == [[8, 9, 2], [10, 2, 0]]


def test_all_shapes_have_the_same_number_of_weights_within_ten_percent():
    counts = [
        sum(parameter.numel() for parameter in make(FORM, 4, 64).model.parameters())
        for make in SHAPES.values()
    ]
    assert max(counts) < 1.1 * min(counts)


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_learns_three_answers_by_heart(name):
    torch.manual_seed(0)
    each = SHAPES[name](FORM, 2, 32)
    batch = each.batch(PAIRS)
    for _ in train(each.model, lambda step: [batch], each.loss, LoopConfig(40, 2e-2)):
        pass
    each.model.eval()
    assert each.answer([source for source, _ in PAIRS]) == [target for _, target in PAIRS]


@pytest.mark.slow
def test_the_script_tests_every_shape_on_every_task(run_script):
    sizes = ["--steps", 2, "--seeds", 2, "--tests", 1, "--train-pairs", 20, "--test-pairs", 2]
    short = [*sizes, "--timed-steps", 1, "--json"]
    status, out, err = run_script(SCRIPT, *short)
    assert status == 0, err
    found, recorded = json.loads(out), json.loads(RECORDED.read_text("utf-8"))
    assert recorded.keys() == found.keys()
    assert list(found["tasks"]) == list(recorded["tasks"]) == ["translate", "fill in"]
    for task, shapes in found["tasks"].items():
        assert list(shapes) == list(recorded["tasks"][task]) == list(SHAPES)
        for name, each in shapes.items():
            assert [len(shares) for shares in each["exact_match"]] == [1, 1]  # a test per seed
            for count in ("parameters", "forward_mflops"):  # the same on every machine
                assert each[count] > 0
            assert each["parameters"] == recorded["tasks"][task][name]["parameters"]


def test_a_comparison_without_tests_is_refused(run_script):
    status, out, err = run_script(SCRIPT, "--tests", "0")
    assert status == 2 and not out
    assert "tests must be at least 1, got 0" in err
