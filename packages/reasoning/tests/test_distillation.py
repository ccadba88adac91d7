"""Distillation: the filter, the loss of a teacher, and the command in its run folder."""

import json

import pytest
import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.policy.rows import pad_examples
from gpt.runs.folder import load_model
from gpt.text.tokenizers import decode
from reasoning.cli import main
from reasoning.distillation.models import student_config
from reasoning.distillation.run import TRACES_FILE, DistillConfig, teacher_loss
from reasoning.distillation.traces import (
    TeacherTrace,
    keep_right,
    read_traces,
    sample_teacher_traces,
)
from reasoning.evaluation.answers import solves_puzzle
from reasoning.start.data import Tasks
from reasoning.start.gate import MAX_TRACE
from reasoning.start.loading import load_reasoner
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import TOKENIZER

TASKS = Tasks.load(30, 1)
TINY = (
    "--device cpu --d-model 16 --n-layers 1 --student-steps 2 --steps 4 --save-every 1 "
    "--batch-size 6 --micro-batch-size 4 --traces 30 --n-evaluated 2"
)


@pytest.fixture(scope="module")
def traces():
    return sample_teacher_traces(load_start_model().model, TASKS, 60, 1.0, 0)


def test_a_trace_is_learned_after_its_prompt_and_with_its_end():
    example = TeacherTrace("24 : 4 7 9 11 think", "9 + 7 = 16 ; miss", False).example()
    learned = [token for token, kept in zip(*example, strict=True) if kept]
    assert decode(TOKENIZER, example.tokens[:7]).strip() == "24 : 4 7 9 11 think"
    assert learned == [*TOKENIZER.encode("9 + 7 = 16 ; miss"), TOKENIZER.end_of_text]


def test_a_trace_that_was_cut_off_has_no_end():
    example = TeacherTrace("24 : 4 7 9 11 think", "wait " * MAX_TRACE, False).example()
    assert TOKENIZER.end_of_text not in example.tokens and sum(example.mask) == MAX_TRACE


def test_only_right_traces_pass_the_filter(traces):
    right = keep_right(traces)
    assert 5 < len(right) < len(traces) - 5
    for trace in traces:
        target, _, *numbers, _ = trace.prompt.split()
        puzzle = Puzzle(tuple(map(int, numbers)), int(target))
        assert (trace in right) is trace.is_right is solves_puzzle(puzzle, trace.text)
        assert tuple(sorted(puzzle.numbers)) not in {each.numbers for each in TASKS.four.held_out}
    with pytest.raises(BadInput, match="none of the teacher's 1 traces is right"):
        keep_right([TeacherTrace("24 : 4 7 9 11 think", "hit", False)])


def test_a_student_that_is_its_teacher_has_nothing_to_learn(traces):
    rows = pad_examples([trace.example() for trace in traces[:4]])
    teacher, student = load_start_model().model, load_start_model().model
    loss = teacher_loss(teacher, 2.0, 0.0)(student, rows)
    assert loss.terms == rows.mask[:, 1:].sum() and abs(loss.total.item()) < 1e-3
    other = teacher_loss(teacher, 2.0, 0.0)(GPT(teacher.config), rows)
    assert other.total.item() > 100
    assert not any(weight.requires_grad for weight in teacher.parameters())


@pytest.mark.parametrize(
    "loss",
    [
        "sft --filter none",
        pytest.param("kl --kl-temperature 2 --beta 0.5", marks=pytest.mark.slow),
    ],
)
def test_a_run_is_trained_compared_and_resumed_to_the_same_bits(
    loss, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    call = f"distill {TINY} --loss {loss} --json --name"
    assert main([*call.split(), "whole"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"before", "after", "teacher"}
    assert report["teacher"]["n_parameters"] == 463_872 > report["after"]["n_parameters"]
    assert main([*call.split(), "cut", "--traces-of", "runs/whole"]) == 0
    for late in (tmp_path / "runs/cut/checkpoints").glob("step-0000000[34]*"):
        late.unlink()  # as after a kill in step 3
    assert main(["distill", "--resume", "runs/cut", "--json"]) == 0
    whole, cut = (load_model(tmp_path / "runs" / name)[0] for name in ("whole", "cut"))
    student = load_reasoner("runs/student-16x1-2")
    assert all(map(torch.equal, whole.state_dict().values(), cut.state_dict().values()))
    assert not all(map(torch.equal, whole.state_dict().values(), student.state_dict().values()))
    assert len(read_traces(tmp_path / "runs/whole" / TRACES_FILE)) == 30


def test_a_changed_trace_file_is_refused_when_a_run_is_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(f"distill {TINY} --filter none --json --name one".split()) == 0
    path = tmp_path / "runs/one" / TRACES_FILE
    path.write_text(path.read_text().replace('"is_right": false', '"is_right": true', 1))
    assert main(["distill", "--resume", "runs/one"]) == 2
    assert "is not what the run was started with" in capsys.readouterr().err


def test_the_folder_of_a_student_is_named_by_its_options(tmp_path):
    assert student_config(tmp_path, 48, 3, 400, "cpu").folder.path.name == "student-48x3-400"
    assert DistillConfig().student_config().loop.steps == 400
