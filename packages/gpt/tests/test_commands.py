import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from gpt.cli import main
from gpt.inside import inspection as inspections
from gpt.runs import training_run as running
from gpt.runs.folder import RunFolder
from gpt.text.corpus import reference_topics

TEXT = "The list holds items. The items are numbers. A number is returned by the function.\n" * 60
NANO = [
    "--device",
    "cpu",
    "--preset",
    "nano",
    "--context",
    "16",
    "--vocab-size",
    "280",
    "--batch-size",
    "4",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small run of six steps on a small text."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text(TEXT)
    options = [*NANO, "--data", str(folder / "text.txt"), "--runs", str(folder)]
    assert main(["train", *options, "--steps", "6", "--save-every", "3"]) == 0
    return folder / "gpt"


def same_end(run, other):
    """Whether two runs ended with the same bits."""
    name = "checkpoints/step-00000006.safetensors"
    return (run / name).read_bytes() == (other / name).read_bytes()


def test_a_run_leaves_its_config_log_checkpoints_and_plot(trained):
    assert {path.name for path in trained.iterdir()} == {
        "checkpoints", "config.json", "log.jsonl", "loss.png", "tokenizer.json", "train.npy",
        "validation.npy",
    }  # fmt: skip
    records = RunFolder(trained).read_log()
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record["validation"] is not None for record in records] == [False, False, True] * 2
    assert records[0].keys() == {"step", "loss", "rate", "grad_norm", "validation", "elapsed"}
    assert (trained / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_eval_prints_one_json_document(trained, capsys):
    assert main(["eval", "--run", str(trained), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["models"].keys() == {"gpt", "unigram", "bigram", "trigram"}
    last = RunFolder(trained).read_log()[-1]
    assert report["models"]["gpt"]["loss"] == pytest.approx(last["validation"])
    assert report["step"] == 6
    assert report["diagnosis"]["verdict"] == "underfitting"


def test_eval_prints_a_table(trained, capsys):
    assert main(["eval", "--run", str(trained)]) == 0
    out = capsys.readouterr().out
    assert "bits per byte" in out
    assert out.index("unigram") < out.index("trigram") < out.index("gpt")
    assert out.splitlines()[-1].startswith("underfitting: the validation loss ended at ")


def test_eval_refuses_a_log_of_another_kind_and_does_without_one(trained, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "log.jsonl").write_text('{"step": 1, "loss": 2.0, "validation": null, "reward": 1.0}\n')
    assert main(["eval", "--run", str(run)]) == 2
    assert "unknown field 'reward'" in capsys.readouterr().err
    (run / "log.jsonl").unlink()
    assert main(["eval", "--run", str(run), "--json"]) == 0
    assert "diagnosis" not in json.loads(capsys.readouterr().out)


def test_sample_generates_the_same_text_for_the_same_seed(trained, capsys):
    texts = []
    for seed in ("1", "1", "2"):
        assert main(["sample", "--run", str(trained), "--prompt", "The ", "--seed", seed]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert all(text.startswith("The ") for text in texts)


def test_sample_begins_a_document_without_a_prompt(trained, capsys):
    assert main(["sample", "--run", str(trained), "--max-new-tokens", "5"]) == 0
    assert capsys.readouterr().out.strip()


def test_inspect_writes_the_page_of_a_prompt(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(inspections, "N_CONTINUATION_TOKENS", 2)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inspect.html").write_text("an earlier page")
    options = ["--run", str(trained), "--prompt", "The list", "--overwrite"]
    assert main(["inspect", *options]) == 0
    assert "wrote inspect.html (0.1 MB); open it in a browser" in capsys.readouterr().err
    page = (tmp_path / "inspect.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert data["model"] == "gpt"
    assert data["before"][-1] == "The list"


def test_two_runs_of_the_same_command_are_identical(trained, tmp_path):
    options = [*NANO, "--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path)]
    assert main(["train", *options, "--steps", "6", "--save-every", "3"]) == 0
    assert same_end(tmp_path / "gpt", trained)


def test_a_finished_run_resumed_has_nothing_left_to_do(trained, capsys):
    before = RunFolder(trained).read_log()
    assert main(["train", "--resume", str(trained), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 6
    assert RunFolder(trained).read_log() == before


def test_a_run_whose_checkpoints_are_gone_says_that_it_begins_again(trained, tmp_path, capsys):
    run = shutil.copytree(trained, tmp_path / "gpt")
    shutil.rmtree(run / "checkpoints")
    assert main(["train", "--resume", str(run)]) == 0
    assert "has no checkpoint yet; starting at the first step" in capsys.readouterr().err
    assert same_end(run, trained)


def test_ctrl_c_in_a_step_saves_it_and_the_resumed_run_ends_the_same(
    trained, tmp_path, capsys, monkeypatch
):
    logged = running.log_records

    def interrupted(records, folder):
        for record in logged(records, folder):
            if record.step == 2:
                signal.raise_signal(signal.SIGINT)
            yield record

    options = [*NANO, "--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path)]
    with monkeypatch.context() as patched:
        patched.setattr(running, "log_records", interrupted)
        assert main(["train", *options, "--steps", "6", "--save-every", "3"]) == 130
    run = tmp_path / "gpt"
    assert f"stopped after step 2; resume with: gpt train --resume {run}" in capsys.readouterr().err
    assert [path.stem for path in (run / "checkpoints").iterdir()] == ["step-00000002"]
    assert main(["train", "--resume", str(run)]) == 0
    assert same_end(run, trained)


class Killed(BaseException):
    """Stands for a kill: no handler catches it."""


@pytest.mark.parametrize("writes", [0, 5, 8, 11])
def test_a_run_killed_in_any_write_is_resumed_and_ends_the_same(
    writes, trained, tmp_path, monkeypatch
):
    """After `writes` calls of fsync nothing reaches the disk, as after a kill."""
    real, calls = os.fsync, iter(range(1000))

    def killed(number):
        if next(calls) >= writes:
            raise Killed
        real(number)

    options = [*NANO, "--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path)]
    whole = ["train", *options, "--steps", "6", "--save-every", "3"]
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, "fsync", killed)
        main(whole)
    run = tmp_path / "gpt"
    resume = ["train", "--resume", str(run)]
    assert main(resume if (run / "config.json").exists() else whole) == 0
    assert same_end(run, trained)


@pytest.mark.parametrize(
    "options", [["--tokenizer", "character"], ["--positions", "learned", "--norm", "post"]]
)
def test_the_other_kinds_train_and_generate(options, trained, tmp_path, capsys):
    data = ["--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path), "--steps", "2"]
    assert main(["train", *NANO, *options, *data]) == 0
    assert (
        main(
            ["sample", "--run", str(tmp_path / "gpt"), "--prompt", "The ", "--max-new-tokens", "9"]
        )
        == 0
    )
    assert "The " in capsys.readouterr().out


def test_a_run_out_of_patience_is_a_finished_run(trained, tmp_path, capsys):
    data = ["--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path)]
    options = ["--steps", "50", "--save-every", "1", "--patience", "2"]
    options += ["--learning-rate", "1e-15", "--muon-learning-rate", "1e-15"]
    assert main(["train", *NANO, *data, *options, "--json"]) == 0
    # no step changes a weight, so the first validation stays the best
    assert len(RunFolder(tmp_path / "gpt").read_log()) == 3
    assert json.loads(capsys.readouterr().out)["step"] == 1


def test_overwrite_replaces_a_run_and_its_checkpoints(trained, tmp_path):
    data = ["--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path)]
    assert main(["train", *NANO, *data, "--steps", "3"]) == 0
    assert main(["train", *NANO, *data, "--steps", "2", "--overwrite"]) == 0
    assert [path.stem for path in (tmp_path / "gpt" / "checkpoints").iterdir()] == ["step-00000002"]
    assert len(RunFolder(tmp_path / "gpt").read_log()) == 2


def test_micro_batches_change_nothing_but_memory(trained, tmp_path):
    data = ["--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path)]
    options = ["--steps", "6", "--save-every", "3", "--micro-batch-size", "3"]
    assert main(["train", *NANO, *data, *options]) == 0
    ours, whole = RunFolder(tmp_path / "gpt").read_log(), RunFolder(trained).read_log()
    for a, b in zip(ours, whole, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)


@pytest.mark.slow
def test_the_compiled_model_learns_the_same(trained, tmp_path):
    """In a process of its own, because torch.compile cannot trace the shape checks of the tests."""
    options = f"--steps 6 --save-every 3 --compile --runs {tmp_path}".split()
    data = ["--data", str(trained.parent / "text.txt")]
    command = [sys.executable, "-m", "gpt", "train", *NANO, *data, *options]
    kernels = tmp_path / "kernels"
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(kernels)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert list(kernels.rglob("*.py")) != []  # torch.compile did write kernels
    ours, eager = RunFolder(tmp_path / "gpt").read_log(), RunFolder(trained).read_log()
    losses = [record["loss"] for record in ours]
    assert losses == pytest.approx([record["loss"] for record in eager], rel=1e-4)


@pytest.mark.skipif(sys.platform == "win32", reason="posix: EPIPE")
def test_a_closed_pipe_is_not_an_error(trained, monkeypatch):
    """A real pipe whose other end is closed, in this process."""
    for options in (["--json"], []):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            monkeypatch.setattr(sys, "stdout", pipe)
            assert main(["eval", "--run", str(trained), *options]) == 0
            monkeypatch.undo()


@pytest.mark.slow
def test_a_pipe_closed_by_another_process_is_not_an_error(trained):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    for options in (["--json"], []):
        command = [sys.executable, "-m", "gpt", "eval", "--run", str(trained), *options]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0


def test_a_folder_with_files_of_others_keeps_them(trained, tmp_path):
    mine = tmp_path / "gpt" / "checkpoints" / "mine.pt"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    data = ["--data", str(trained.parent / "text.txt"), "--runs", str(tmp_path)]
    assert main(["train", *NANO, *data, "--steps", "1"]) == 0
    assert mine.read_bytes() == b"mine"


def test_the_demo_shows_curve_scores_text_and_how_much_is_copied(tmp_path, capsys, monkeypatch):
    topics = reference_topics()
    monkeypatch.setattr("gpt.text.documents.python_documentation", lambda: topics[:30])
    assert main(["demo", "--runs", str(tmp_path), "--steps", "2", "--max-new-tokens", "20"]) == 0
    out = capsys.readouterr().out
    for part in (
        "Training loss",
        "trigram",
        "Generated after",
        "% of its words",
        "longest passage copied",
    ):
        assert part in out
    # a second demo replaces the first
    monkeypatch.setattr("gpt.text.documents.python_documentation", lambda: topics[30:50])
    assert (
        main(["demo", "--runs", str(tmp_path), "--steps", "1", "--max-new-tokens", "20", "--json"])
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert report["text"].startswith("The ")
    assert 0 <= report["known_words"] <= 1


@pytest.mark.slow
def test_the_demo_reads_all_of_the_documentation(tmp_path, capsys):
    assert (
        main(["demo", "--runs", str(tmp_path), "--steps", "2", "--max-new-tokens", "20", "--json"])
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert report["text"].startswith("The ")
    tokens = [np.load(tmp_path / "demo" / f"{side}.npy") for side in ("train", "validation")]
    assert sum(map(len, tokens)) > 400_000


def test_help_names_every_command_and_explains_every_option(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    for command in ("train", "sample", "eval", "demo"):
        assert command in listed
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        assert "--device" in capsys.readouterr().out
