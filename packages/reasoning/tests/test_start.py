import json

import numpy as np
import pytest
import safetensors.torch
import torch

from gpt.errors import BadInput
from gpt.runs.folder import load_model
from gpt.text.tokenizers import decode
from reasoning.cli import main
from reasoning.evaluation.pass_rates import PassRates
from reasoning.start.data import Tasks, sample_example, training_batches
from reasoning.start.gate import StartReport, held_out_puzzles
from reasoning.start.run import StartConfig
from reasoning.start.shipped import load_start_model
from reasoning.tasks.vocabulary import TOKENIZER

TASKS = Tasks.load(chain_operand=30, chain_operations=1)
CPU = torch.device("cpu")


def test_the_mix_of_a_step():
    examples = [sample_example(TASKS, np.random.default_rng(row)) for row in range(2_000)]
    prompts = [decode(TOKENIZER, example.tokens) for example in examples]
    kinds = [
        ("chain" if "chain" in prompt else f"{prompt.index(mode) - 2} numbers", mode)
        for prompt, mode in (
            (each.split(), "think" if "think" in each else "answer") for each in prompts
        )
    ]
    for kind, rows in {
        ("4 numbers", "think"): 41,
        ("3 numbers", "think"): 10,
        ("4 numbers", "answer"): 16,
        ("chain", "think"): 8,
        ("chain", "answer"): 8,
    }.items():
        assert kinds.count(kind) == pytest.approx(2_000 * rows / 83, rel=0.2), kind
    assert all(any(example.mask) for example in examples)


def test_one_attempt_leaves_no_miss_and_no_second_attempt():
    tasks = StartConfig(max_attempts=1).tasks()
    examples = [sample_example(tasks, np.random.default_rng(row)) for row in range(200)]
    texts = [decode(TOKENIZER, example.tokens) for example in examples]
    attempts = [text for text in texts if "think" in text and "chain" not in text]
    assert len(attempts) > 80 and all(text.split().count("hit") == 1 for text in attempts)
    assert not any("miss" in text or "wait" in text for text in attempts)


def test_no_held_out_multiset_is_trained_on():
    held_out = {puzzle.numbers for split in (TASKS.four, TASKS.three) for puzzle in split.held_out}
    batches = training_batches(TASKS, 200, 200, 0, CPU)
    seen = set()
    for step in range(5):
        for row in batches(step)[0].tokens.tolist():
            words = decode(TOKENIZER, row).split()
            if words[0] != "chain":
                end = words.index("think") if "think" in words else words.index("answer")
                seen.add(tuple(sorted(map(int, words[2:end]))))
    assert len(seen) > 300 and not seen & held_out


def test_a_batch_depends_on_the_seed_and_the_step_only():
    batches = training_batches(TASKS, 10, 4, 3, CPU)
    first, again, later = batches(7), training_batches(TASKS, 10, 4, 3, CPU)(7), batches(8)
    other_seed = training_batches(TASKS, 10, 4, 4, CPU)(7)
    assert [len(rows.tokens) for rows in first] == [4, 4, 2]
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(first, again, strict=True))
    for other in (later, other_seed):
        assert first[0].tokens.tolist() != other[0].tokens.tolist()
    lengths = [int(length) for rows in first for length in rows.lengths]
    assert lengths == sorted(lengths)


def test_held_out_puzzles_are_drawn_once():
    puzzles = held_out_puzzles(TASKS, 300)
    sorted_puzzles = {(tuple(sorted(puzzle.numbers)), puzzle.target) for puzzle in puzzles}
    assert len(sorted_puzzles) == 300 and sorted_puzzles <= set(TASKS.four.held_out)
    assert any(list(puzzle.numbers) != sorted(puzzle.numbers) for puzzle in puzzles)


def test_more_puzzles_than_are_held_out_are_refused():
    with pytest.raises(BadInput, match="there are 6953 held-out puzzles, fewer than 6954"):
        held_out_puzzles(TASKS, 6_954)


def report(one=0.3, eight=0.8, flat=0.2, chain=0.7):
    direct = PassRates(0.1, 0.2, 0.8)
    return StartReport(PassRates(one, eight, flat), PassRates(chain, 0.9, 0.3), direct, direct)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"one": 0.46, "eight": 0.95}, "countdown pass@1 is 46.0%"),
        ({"one": 0.19}, "countdown pass@1 is 19.0%"),
        ({"one": 0.45, "eight": 0.89}, "countdown pass@8 is 89.0%, less than twice"),
        ({"flat": 0.45}, "45.0% of the groups"),
        ({"chain": 0.49}, "chain pass@1 is 49.0%"),
        ({"chain": 0.86}, "chain pass@1 is 86.0%"),
    ],
)
def test_each_condition_of_the_gate(change, fault):
    faults = report(**change).faults()
    assert len(faults) == (fault is not None)
    assert fault is None or faults[0].startswith(fault)


TINY = ["--d-model", "16", "--n-layers", "1", "--steps", "2", "--batch-size", "6", "--n-evaluated"]


def test_a_run_is_trained_judged_and_resumed_to_the_same_bits(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = [*TINY, "2", "--device", "cpu", "--save-every", "1", "--json"]
    assert main(["train", *options, "--steps", "4", "--name", "whole"]) == 1  # the gate is shut
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)) == {
        "countdown",
        "chain",
        "direct_countdown",
        "direct_chain",
    }
    advice = "countdown pass@1 is 0.0%, not 20 to 45 % (train with more --steps)"
    assert f"no start model is written: {advice}" in printed.err
    assert json.loads((tmp_path / "runs/whole/gate.json").read_text()) == json.loads(printed.out)
    assert main(["train", *options, "--steps", "4", "--name", "cut"]) == 1
    for late in (tmp_path / "runs/cut/checkpoints").glob("step-0000000[34]*"):
        late.unlink()  # as after a kill in step 3
    assert main(["train", "--resume", "runs/cut", "--json"]) == 1
    whole, cut = (load_model(tmp_path / "runs" / name)[0] for name in ("whole", "cut"))
    assert all(map(torch.equal, whole.state_dict().values(), cut.state_dict().values()))
    assert not list(tmp_path.rglob("start.safetensors"))


def test_a_start_model_is_written_when_the_gate_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("reasoning.commands.train.report_start", lambda *_: report())
    assert main(["train", *TINY, "2", "--device", "cpu", "--name", "good"]) == 0
    found = load_start_model(tmp_path / "runs/good/start.safetensors")
    trained, *_ = load_model(tmp_path / "runs/good")
    tokens = torch.arange(20)[None]
    assert torch.equal(found.model(tokens), trained(tokens))
    assert found.recipe["batch_size"] == 6 and found.recipe["loop"]["steps"] == 2
    assert found.recipe["max_attempts"] == 4
    assert found.report == report()


def test_a_failed_gate_leaves_no_start_model_of_an_earlier_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for rates, status in ((report(), 0), (report(chain=0.1), 1)):
        monkeypatch.setattr("reasoning.commands.train.report_start", lambda *_, rates=rates: rates)
        options = [*TINY, "2", "--device", "cpu", "--name", "twice", "--overwrite"]
        assert main(["train", *options]) == status
        assert (tmp_path / "runs/twice/start.safetensors").is_file() is (status == 0)


@pytest.mark.parametrize("content", [b"", b"junk", safetensors.torch.save({})])
def test_what_is_no_start_model_is_refused(content, tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(BadInput, match="there is no start model"):
        load_start_model(path)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="a.safetensors' is damaged or is not a start model"):
        load_start_model(path)
