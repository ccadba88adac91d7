"""The commands with right and wrong input, and what the package imports."""

import ast
import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

import handcalc
from handcalc.cli import main
from handcalc.comparison.rows import Row
from handcalc.gradients.check import TARGETS, TOKENS, Check
from handcalc.model.transformer import forward
from handcalc.model.weights import Shape, initial_weights

SOURCE = Path(handcalc.__file__).parent
CORE = [
    SOURCE / "calculation.py",
    *sorted((SOURCE / "layers").glob("*.py")),
    SOURCE / "model" / "transformer.py",
    SOURCE / "training" / "optimizers.py",
]  # what the engine of a web page, MicroPython, loads

EXTRA = ("arrays", "baselines.py")  # what needs an extra


def imported(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name.partition(".")[0] for name in names)


def test_nothing_is_imported_but_the_standard_library():
    core = [p for p in SOURCE.rglob("*.py") if p.relative_to(SOURCE).parts[0] not in EXTRA]
    found = {name for path in core for name in imported(path)}
    assert found - set(sys.stdlib_module_names) == {"handcalc"}
    assert not [path for path in core if "handcalc.arrays" in path.read_text("utf-8")]


def test_the_arrays_need_only_numpy_and_say_how_to_get_it():
    found = {name for path in (SOURCE / "arrays").glob("*.py") for name in imported(path)}
    assert found - set(sys.stdlib_module_names) == {"handcalc", "numpy"}
    code = "import sys; sys.modules['numpy'] = None; import handcalc.arrays.layers"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    install = "uv pip install -e 'packages/handcalc[numpy]'"
    said = f"ImportError: the arrays need the extra numpy; in a clone: {install}"
    assert done.stderr.splitlines()[-1] == said


def test_a_python_without_other_packages_is_enough():
    """-S leaves out the folder of installed packages, -I the user's settings."""
    call = f"import sys; sys.path.append({str(SOURCE.parent)!r}); from handcalc.cli import main; "
    for arguments in (["step"], ["explain", "loss"]):
        run = subprocess.run(
            [sys.executable, "-I", "-S", "-c", call + f"sys.exit(main({arguments}))"],
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert run.returncode == 0 and "1.737666" in run.stdout, run.stderr


def test_the_core_imports_no_more_than_math():
    found = {name for path in CORE for name in imported(path)}
    assert found == {"handcalc", "math", "typing", "collections"}  # the last two for type checkers


def test_step_runs_through_eleven_files():
    call = "import sys; from handcalc.cli import main; main(['step']); "
    call += "print(*[m for m in sys.modules if m.startswith('handcalc.')], file=sys.stderr)"
    run = subprocess.run(
        [sys.executable, "-c", call], capture_output=True, encoding="utf-8", check=True
    )
    folders = {"handcalc.commands", "handcalc.layers", "handcalc.model", "handcalc.training"}
    modules = set(run.stderr.split()) - folders  # their __init__ has a docstring and no code
    assert {module.removeprefix("handcalc.") for module in modules} == {
        "cli", "commands.step", "calculation", "layers.embedding", "layers.attention",
        "layers.feed_forward", "layers.layer_norm", "layers.loss", "model.transformer",
        "model.weights", "training.optimizers",
    }  # fmt: skip
    for folder in folders:
        text = SOURCE.joinpath(*folder.split(".")[1:], "__init__.py").read_text("utf-8")
        assert len(ast.parse(text).body) == 1


def top_level_names(path):
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def test_no_two_public_definitions_share_a_name():
    """Except that arrays mirror lists, and that each command has add_options and run."""
    found = Counter(
        name
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[0] not in ("arrays", "exercises")
        for name in top_level_names(path)
        if name not in ("add_options", "run")
    )
    assert len(found) > 100 and [name for name, n in found.items() if n > 1] == []
    arrays = Counter(name for p in (SOURCE / "arrays").glob("*.py") for name in top_level_names(p))
    assert len(arrays) > 30 and [name for name, n in arrays.items() if n > 1] == []


def test_step_prints_every_stage(capsys):
    assert main(["step"]) == 0
    printed = capsys.readouterr().out
    c = forward(initial_weights(Shape(), "pre-ln"), TOKENS, TARGETS, "pre-ln")
    c.backward()
    for name in [*c.weights, *(name for line in c.lines for name in line.names)]:
        assert f"\n{name} (" in printed or f"\n{name}    " in printed, name
    for part in ("X (5 x 16)", "A.1 (5 x 5)", "W_Q.0.grad (16 x 8)", "loss 1.737666 nats",
                 "norm of the gradient 2.908730", "adamw: 1.648554", "-inf"):  # fmt: skip
        assert part in printed


def test_step_as_json_has_the_forward_pass_and_the_gradients_of_all_weights(capsys):
    assert main(["step", "--block", "classic", "--steps", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert round(found["loss"], 6) == 1.829868 and round(found["perplexity"], 4) == 6.2331
    assert round(found["grad_norm"], 6) == 1.521628 and found["parameters"] == 3456
    assert [round(loss, 6) for loss in found["loss_after"]] == [1.804945, 1.781245]
    assert len(found["losses"]) == 4
    assert found["tensors"]["S.0"][0][1] is None  # the future
    c = forward(initial_weights(Shape(), "classic"), TOKENS, TARGETS, "classic")
    made = [name for line in c.lines for name in line.names]
    assert list(found["tensors"]) == [*c.weights, *made]
    assert found["tensors"]["G"] == c.values["G"]
    assert list(found["gradients"]) == c.weights
    assert set(c.weights) >= {"token", "W_Q.1", "b_2", "gamma", "head"}
    assert round(found["gradients"]["W_O"][0][1], 8) == -0.01758579


def test_a_shorter_text_and_another_optimizer(capsys):
    assert main(["step", "--text", "I like", "--optimizer", "sgd", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["losses"]) == 3
    assert found["loss_after"][0] < found["loss"]


def test_check_prints_errors_and_fails_beyond_a_bound(capsys, monkeypatch):
    row = Check("classic", "W_O", 256, 2e-10, 3e-16, 1e-16)
    monkeypatch.setattr("handcalc.commands.check.check_gradients", lambda *given: [row])
    assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert "W_O" in printed and "all within" in printed and "NOT" not in printed
    for way, error in {"differences": 1e-8, "autograd": 1e-11, "torch": 1e-9}.items():
        wrong = row._replace(**{way: error})
        monkeypatch.setattr(
            "handcalc.commands.check.check_gradients", lambda *given, row=wrong: [row]
        )
        assert main(["check"]) == 1
        assert "NOT all within" in capsys.readouterr().out
        assert main(["check", "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert found["ok"] is False and found["rows"][0][way] == error
        assert len(found["rows"]) == 4  # one for each block, and this one has one tensor


def test_explain_prints_formula_numbers_and_value(capsys):
    assert main(["explain", "S.0[1][0]", "--block", "classic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "S.0[1][0], made by scaled_scores(QK.0, d_k)"
    assert lines[1] == "  = QK.0[1][0] / d_k ** 0.5"
    numbers, value = lines[2].removeprefix("  = "), lines[3].removeprefix("  = ")
    score, root = numbers.split(" / ")
    assert root == "8.0 ** 0.5"
    assert float(score.strip("()")) / 8.0**0.5 == float(value)
    assert lines[4:] == ["made from", "  QK.0[1][0], d_k"]


def test_explain_describes_leaves(capsys):
    main(["explain", "token[0][1]"])
    main(["explain", "tokens[1]"])
    main(["explain", "gamma.0[2]"])
    main(["explain", "token[0][1]", "--seed", "7"])
    said = capsys.readouterr().out.splitlines()
    stream = random.Random(42)
    stream.gauss(0, 0.1)
    assert said[:2] == [
        f"token[0][1] = {stream.gauss(0, 0.1)!r}", "  draw 2 of seed 42, from N(0, 0.1^2)"
    ]  # fmt: skip
    assert said[2:6] == [
        "tokens[1] = 3",
        "  a token id",
        "gamma.0[2] = 1.0",
        "  a constant: this weight begins at 1",
    ]
    assert said[7] == "  draw 2 of seed 7, from N(0, 0.1^2)"


def test_no_line_of_a_formula_ends_inside_a_number_or_a_name(capsys):
    main(["explain", "W_1[5][2].grad", "--json"])
    found = json.loads(capsys.readouterr().out)
    main(["explain", "W_1[5][2].grad"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"= {found['formula']} = {found['numbers']} = {found['value']!r} made from" in said
    assert said.endswith(", ".join(found["inputs"]))


def test_explain_lists_every_name(capsys):
    assert main(["explain", "--list"]) == 0
    names = capsys.readouterr().out.splitlines()
    assert len(names) == len(set(names)) == 28_778  # the README says so
    assert {"token[0][0]", "A.1[4][4]", "loss", "W_Q.0[3][1].grad", "b_1[63].new", "rate"} <= (
        set(names)
    )


def test_compare_prints_rows_and_costs(capsys, monkeypatch):
    pytest.importorskip("torch", reason="baselines: needs the extra baselines")
    row = Row("a step", "an engine", 1e-16, 1e-12, 0.01, 0.3, 20.0, "a note")
    monkeypatch.setattr("handcalc.comparison.speed.speed_row", lambda: row)
    assert main(["compare"]) == 0
    said = capsys.readouterr().out
    assert "30.0" in said and "a note" in said and "3.99x" in said
    assert main(["compare", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == 9 and all(row["ok"] for row in rows)
    assert rows[-1]["speedup"] == pytest.approx(30) and rows[-1]["slow"] is False
    assert Row("a step", "an engine", 1e-16, 1e-12, 0.01, 0.1, 20.0).slow
    monkeypatch.setattr(
        "handcalc.comparison.speed.speed_row", lambda: replace(row, max_abs_diff=1.0)
    )
    assert main(["compare"]) == 1
    assert "NOT EQUAL" in capsys.readouterr().out


def test_compare_without_torch_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "handcalc.baselines", raising=False)
    assert main(["compare"]) == 2
    assert "uv pip install -e 'packages/handcalc[baselines]'" in capsys.readouterr().err


def test_the_demo_prints_all_its_parts(capsys, monkeypatch):
    few = ["".join(letters) for letters in product("abc", repeat=3)]
    monkeypatch.setattr("handcalc.commands.demo.library_names", lambda: few)
    assert main(["demo", "--steps", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["engine_error"] < 1e-12
    assert round(found["losses"][1], 6) == 1.648554 and round(found["losses"][100], 6) == 0.288517
    assert main(["demo", "--steps", "3"]) == 0
    said = capsys.readouterr().out
    for part in ("BOS          1.000", "losses[0], made by", "0.288517", "Names it generates"):
        assert part in said


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["step", "--text", "I love transformers"], "the vocabulary has no 'love'"),
        (["step", "--text", ""], "the text has 0 words"),
        (["step", "--text", "I like like like"], "the text has 4 words"),
        (["step", "--steps", "0"], "must be at least 1, got 0"),
        (["step", "--steps", "many"], "invalid positive value: 'many'"),
        (["step", "--block", "post"], "invalid choice: 'post'"),
        (["step", "--optimizer", "lion"], "invalid choice: 'lion'"),
        (["check", "--seed", "x"], "invalid int value: 'x'"),
        (["explain"], "explain takes the name of one number, or --list"),
        (["explain", "loss", "--list"], "explain takes the name of one number, or --list"),
        (["explain", "W_O[16][0]"], "W_O is 16 x 16"),
        (["demo", "--steps", "0"], "steps must be at least 1, got 0"),
        (["train", "--steps", "0"], "steps must be at least 1, got 0"),
        (["train", "--learning-rate", "2"], "learning_rate must lie between 0 and 1, got 2.0"),
        (["train", "--n-heads", "3"], "d_model 16 does not divide into 3 heads"),
        (["train", "no such file"], "no such file: No such file or directory"),
        (["train", "."], "Is a directory"),
        (["train", "--resume", "x", "--steps", "9"], "keeps its own words and settings: leave out"),
        (["train", "--resume", "nowhere"], "there is no run in 'nowhere'"),
        (["chekc"], "invalid choice: 'chekc'"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_input_is_a_sentence_and_status_2(call, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(call) == 2
    said = capsys.readouterr()
    assert message in said.err and "Traceback" not in said.err and not said.out


def test_a_closed_pipe_is_not_an_error():
    with subprocess.Popen(
        [sys.executable, "-m", "handcalc", "step"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
