import json
import os
import runpy
import sys
from pathlib import Path

import pytest

# Before any import of a Hugging Face library: no test asks a network.
os.environ["HF_HUB_OFFLINE"] = "1"

TEXT = "The list holds items. The items are numbers. A number is returned by the function.\n" * 400


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same numbers, alone or among others."""
    import torch

    torch.manual_seed(0)


@pytest.fixture
def run_script(monkeypatch, capsys):
    """A function that runs a script with options in this process: status, stdout and stderr."""

    def run(path: Path, *options):
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, options)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(path), run_name="__main__")
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder with a tiny base, questions with answers, pairs of answers, and wrong files."""
    from gpt.cli import main

    home = tmp_path_factory.mktemp("home")
    (home / "text.txt").write_text(TEXT)
    numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    rows = [
        {"instruction": f"Spell {n}.", "output": f"It is {word}."} for n, word in enumerate(numbers)
    ]
    pairs = [
        {"prompt": f"Spell {n}.", "chosen": f"It is {word}.", "rejected": f"{word} {word}"}
        for n, word in enumerate(numbers)
    ]
    (home / "rows.json").write_text(json.dumps(rows))
    (home / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    (home / "empty.json").write_text("")
    (home / "junk.json").write_bytes(bytes(range(256)))
    (home / "columns.jsonl").write_text('{"question": "Why?"}\n')
    (home / "one.jsonl").write_text(json.dumps(pairs[0]) + "\n")
    (home / "nothing").mkdir()
    shape = "--preset nano --context 128 --n-layers 1 --d-model 16 --n-heads 2 --vocab-size 270"
    call = f"train --device cpu {shape} --batch-size 4 --steps 2 --name base"
    files = ["--data", str(home / "text.txt"), "--runs", str(home / "runs")]
    assert main([*call.split(), *files]) == 0
    return home


@pytest.fixture(scope="session")
def all_questions():
    """All questions about the standard library, read once: it takes seconds."""
    from finetune.datasets.questions import python_questions

    return python_questions()


@pytest.fixture
def few_questions(monkeypatch):
    """Questions about the modules of one folder in place of the whole library."""
    from finetune.datasets import questions, tasks

    whole = questions.library_questions
    monkeypatch.setattr(questions, "library_questions", lambda library: whole(library / "email"))
    tasks.question_task.cache_clear()
    yield
    tasks.question_task.cache_clear()
