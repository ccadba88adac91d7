"""The commands, right and wrong, and what the package stands on."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import handcalc
from handcalc.cli import main
from handcalc.gradients import check

SOURCE = Path(handcalc.__file__).parent
CORE = [
    *sorted((SOURCE / "operations").glob("*.py")),
    *(SOURCE / "model" / f"{name}.py" for name in ("blocks", "calculation", "parts", "step")),
    SOURCE / "training" / "optimizers.py",
]  # what the engine of a web page, MicroPython, loads


def imported(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name.partition(".")[0] for name in names)


def test_nothing_is_imported_but_the_standard_library():
    found = {name for path in SOURCE.rglob("*.py") for name in imported(path)}
    assert found - set(sys.stdlib_module_names) == {"handcalc"}


def test_the_core_imports_no_more_than_math():
    found = {name for path in CORE for name in imported(path)}
    assert found == {"handcalc", "math", "typing"}  # typing for the type checker's eyes alone


def test_step_prints_every_stage(capsys):
    assert main(["step"]) == 0
    printed = capsys.readouterr().out
    for part in ("X (5 x 16)", "A.1 (5 x 5)", "W_Q.0.grad (16 x 8)", "loss 1.737666 nats",
                 "length of the gradient 2.908730", "adamw: 1.648554", "-inf"):  # fmt: skip
        assert part in printed


def test_step_as_json_has_every_number(capsys):
    assert main(["step", "--block", "classic", "--steps", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert round(found["loss"], 6) == 1.829868 and round(found["perplexity"], 4) == 6.2331
    assert round(found["grad_norm"], 6) == 1.521628 and found["parameters"] == 3456
    assert [round(loss, 6) for loss in found["loss_after"]] == [1.804945, 1.781245]
    assert len(found["losses"]) == 4
    assert found["tensors"]["S.0"][0][1] is None  # the future
    assert set(found["gradients"]) >= {"token", "W_Q.1", "b_2", "gamma", "head"}
    assert round(found["gradients"]["W_O"][0][1], 8) == -0.01758579


def test_a_shorter_text_and_another_optimizer(capsys):
    assert main(["step", "--text", "I like", "--optimizer", "sgd", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["losses"]) == 3
    assert found["loss_after"][0] < found["loss"]


def test_check_says_how_far_other_ways_are(capsys, monkeypatch):
    row = check.Check("W_O", 256, 2e-10, 3e-16)
    monkeypatch.setattr("handcalc.cli.checks", lambda block, seed: [row])
    assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert "W_O" in printed and "all within" in printed and "NOT" not in printed
    monkeypatch.setattr("handcalc.cli.checks", lambda block, seed: [row._replace(autograd=1e-9)])
    assert main(["check"]) == 1
    assert "NOT all within" in capsys.readouterr().out
    assert main(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["step", "--text", "I love transformers"], "the vocabulary has no 'love'"),
        (["step", "--text", ""], "the text has no words"),
        (["step", "--text", "I like like like"], "the text has 4 words"),
        (["step", "--steps", "0"], "must be at least 1, got 0"),
        (["step", "--steps", "many"], "invalid positive value: 'many'"),
        (["step", "--block", "post"], "invalid choice: 'post'"),
        (["step", "--optimizer", "lion"], "invalid choice: 'lion'"),
        (["check", "--seed", "x"], "invalid int value: 'x'"),
        (["chekc"], "invalid choice: 'chekc'"),
        ([], "the following arguments are required: command"),
    ],
)
def test_wrong_input_is_a_sentence_and_status_2(call, message, capsys):
    assert main(call) == 2
    said = capsys.readouterr()
    assert message in said.err and "Traceback" not in said.err and not said.out


def test_a_reader_who_has_gone_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "handcalc", "step"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
