"""`reasoning grpo` in its run folder: what it writes, how it resumes, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from gpt.cli import main as gpt_main
from gpt.runs.folder import RunFolder, load_model
from reasoning.cli import main
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.controls import countdown_batches
from reasoning.grpo.options import GrpoConfig
from reasoning.grpo.run import load_reasoner, phase_prompts
from reasoning.start.data import Tasks
from reasoning.tasks.vocabulary import TOKENIZER

SMALL = [
    *("--prompts-per-phase", "3", "--group-size", "2", "--max-new-tokens", "12"),
    *("--n-evaluated", "2", "--device", "cpu", "--save-every", "1"),
]
LENGTH = "def reward(prompt, answers):\n    return [float(len(answer)) for answer in answers]\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty working folder, with a reward that changes from answer to answer."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "length.py").write_text(LENGTH)
    (tmp_path / "prompts.txt").write_text(
        "24 : 4 7 9 11 think\n\nchain : 7 + 12 think\n30 : 5 6 answer\n"
    )
    return tmp_path


def same_weights(*names):
    models = [load_model(RunFolder(name).path)[0] for name in names]
    return all(map(torch.equal, *(model.state_dict().values() for model in models)))


def folders(home, *names):
    return [home / "runs" / name for name in names]


def test_a_run_is_trained_and_opens_in_gpt(home, capsys):
    options = ["grpo", *SMALL, "--n-phases", "2", "--reward", "length.py", "--json"]
    assert main(options) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"before", "after", "gains", "problems", "conditions"}
    assert report["conditions"]["device"] == "cpu" and report["conditions"]["threads"] >= 1
    assert json.loads((home / "runs/grpo/evaluation.json").read_text()) == report
    assert set(report["before"]) == set(report["after"]) >= {"score", "greedy", "pass_at_8", "flat"}
    records = RunFolder(home / "runs/grpo").read_log()
    assert [record["step"] for record in records] == [1, 2]
    trained, start = load_model(home / "runs/grpo")[0], load_reasoner("start")
    assert not torch.equal(trained.embedding.weight, start.embedding.weight)
    call = ["sample", "--run", "runs/grpo", "--prompt", "24 : 4 7 9 11 think", "--device", "cpu"]
    assert gpt_main([*call, "--max-new-tokens", "5"]) == 0
    assert capsys.readouterr().out.startswith("24 : 4 7 9 11 think")
    assert gpt_main(["export", "--run", "runs/grpo", "--output", "exported"]) == 0
    assert (home / "exported" / "model.safetensors").is_file()


def test_the_table_shows_pass_rates_only_of_countdown(home, capsys):
    assert main(["grpo", *SMALL, "--n-phases", "1", "--reward", "random"]) == 0
    out = capsys.readouterr().out
    assert "before" in out and "pass@32" in out and "flat groups of 8" in out
    assert "pass@1: +0.00 points, 95 % interval +0.00 to +0.00" in out  # 12 tokens are too few
    options = ["--n-phases", "1", "--reward", "length.py", "--prompts", "prompts.txt"]
    assert main(["grpo", *SMALL, *options, "--overwrite"]) == 0
    out = capsys.readouterr().out
    assert "score" in out and "pass@" not in out and "points" not in out
    assert "score: +" in out or "score: -" in out


@pytest.mark.parametrize(
    "method",
    [
        "grpo",
        pytest.param("rejection-sft", marks=pytest.mark.slow),
        pytest.param("continued-sft", marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_ends_with_the_same_bits(home, method):
    options = ["grpo", *SMALL, "--n-phases", "4", "--reward", "length.py", "--method", method]
    assert main([*options, "--name", "whole"]) == 0
    assert main([*options, "--name", "cut"]) == 0
    for late in (home / "runs/cut/checkpoints").glob("step-0000000[34]*"):
        late.unlink()  # as after a kill in phase 3
    assert main(["grpo", "--resume", "runs/cut"]) == 0
    assert same_weights(*folders(home, "whole", "cut"))
    logs = [RunFolder(path).read_log() for path in folders(home, "whole", "cut")]
    for a, b in zip(*logs, strict=True):
        assert a | {"elapsed": 0} == b | {"elapsed": 0}


def test_a_run_continues_from_another_run(home):
    options = ["grpo", *SMALL, "--n-phases", "1", "--reward", "length.py"]
    assert main([*options, "--name", "first"]) == 0
    assert main([*options, "--name", "second", "--model", "runs/first"]) == 0
    assert not same_weights(*folders(home, "first", "second"))


def test_a_changed_reward_or_prompt_is_noticed_on_resume(home, capsys):
    options = ["grpo", *SMALL, "--n-phases", "2", "--reward", "length.py"]
    assert main([*options, "--prompts", "prompts.txt"]) == 0
    (home / "length.py").write_text(LENGTH.replace("len", "-len"))
    assert main(["grpo", "--resume", "runs/grpo"]) == 2
    assert "have changed since the run was started" in capsys.readouterr().err


def test_prompts_come_from_the_file_or_from_puzzles_that_are_not_held_out(home):
    config = GrpoConfig(grpo=GRPOHyperparameters(prompts_per_phase=2))
    some = phase_prompts(config, ["1 2", "3 4", "5 6"])
    two = [tuple(prompt) for phase in range(3) for prompt in some(phase)]
    assert sorted(two) == sorted(
        2 * [tuple(TOKENIZER.encode(text)) for text in ("1 2", "3 4", "5 6")]
    )
    held_out = {puzzle.numbers for puzzle in Tasks.load(30, 1).four.held_out}
    drawn = phase_prompts(config, [])
    prompts = [prompt for phase in range(100) for prompt in drawn(phase)]
    numbers = {tuple(sorted(int(TOKENIZER.words[each]) for each in row[2:6])) for row in prompts}
    assert len(numbers) > 150 and not numbers & held_out
    assert drawn(3) == drawn(3) != drawn(4)


def test_continued_training_reads_traces_of_puzzles_that_are_not_held_out():
    tasks, cpu = Tasks.load(30, 1), torch.device("cpu")
    batches = countdown_batches(tasks, 40, 16, 0, cpu)
    assert [len(rows.tokens) for rows in batches(0)] == [16, 16, 8]
    held_out = {puzzle.numbers for puzzle in tasks.four.held_out}
    numbers = {
        tuple(sorted(int(TOKENIZER.words[each]) for each in row[2:6]))
        for step in range(4)
        for rows in batches(step)
        for row in rows.tokens.tolist()
    }
    assert len(numbers) > 100 and not numbers & held_out


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ("[1.0]", "the reward returned 1 scores for 2 answers"),
        ("[float('nan')] * len(answers)", "is nan, not a finite number"),
    ],
)
def test_a_reward_that_returns_no_scores_is_one_message(home, capsys, scores, message):
    (home / "odd.py").write_text(f"def reward(prompt, answers):\n    return {scores}\n")
    assert main(["grpo", *SMALL, "--n-phases", "1", "--reward", "odd.py"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("reasoning: ") and message in error


CALL = [
    *("grpo", "--n-phases", "6", "--prompts-per-phase", "4", "--group-size", "4"),
    *("--max-new-tokens", "30", "--n-evaluated", "1", "--device", "cpu", "--save-every", "1"),
    *("--reward", "length.py", "--kl-coef", "0.1", "--n-minibatches", "2", "--name"),
]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: SIGKILL")
def test_a_killed_run_is_resumed_to_the_same_bits(home):
    assert main([*CALL, "whole"]) == 0
    program = [sys.executable, "-m", "reasoning"]
    started = subprocess.Popen(
        [*program, *CALL, "killed"], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    log, limit = RunFolder(home / "runs/killed"), time.monotonic() + 120
    while len(log.read_log()) < 2 and time.monotonic() < limit:
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL and 2 <= len(log.read_log()) < 6
    assert main(["grpo", "--resume", "runs/killed"]) == 0
    assert same_weights(*folders(home, "whole", "killed"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
@pytest.mark.parametrize(
    "options",
    [
        "--method grpo --n-minibatches 3 --micro-batch-size 2",
        "--method grpo --skip-flat-groups --reward countdown",
        "--method rejection-sft",
        "--method continued-sft",
    ],
)
def test_one_process_and_two_learn_the_same(home, options):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    call = [*CALL, *options.split(), "--name"]
    call.remove("--name")
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "-m", "reasoning", *call, "two"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert main([*call, "one"]) == 0
    one, two = (RunFolder(path).read_log() for path in folders(home, "one", "two"))
    assert len(one) == len(two) >= 6
    for a, b in zip(one, two, strict=True):
        for name in a.keys() - {"elapsed"}:
            assert a[name] == pytest.approx(b[name], abs=1e-4), name
