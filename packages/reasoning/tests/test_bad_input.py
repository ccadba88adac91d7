"""Every wrong call ends with one sentence, status 2, and nothing half-written."""

import re

import pytest

from reasoning.cli import main

CALLS = {
    "no such command": ("fly", "no command 'fly'; the commands are solve, table, train, prm, grpo"),

    "solve without a target": ("solve", "Missing from reasoning solve: TARGET"),
    "solve without numbers": ("solve 24", "two to five numbers after the target, got 0"),
    "solve with one number": ("solve 24 4", "two to five numbers after the target, got 1"),
    "solve with six numbers": ("solve 24 1 2 3 4 5 6", "two to five numbers .* got 6"),
    "words for numbers": ("solve 24 a b", "Could not find valid parse for arguments: .'a', 'b'"),
    "target of zero": ("solve 0 4 5", r"must lie in \[1, 199\], got 0"),
    "large number": ("solve 24 4 500", r"must lie in \[1, 199\], got 500"),
    "negative number": ("solve 24 -4 5", r"must lie in \[1, 199\], got -4"),
    "unknown method": ("solve 24 4 5 --method fly",
                       "no method 'fly'; choose from sample, vote, best-of-n"),
    "no such option of solve": ("solve 24 4 5 --methods tot", "Unrecognized options: --methods"),
    "negative heat": ("solve 24 4 5 --temperature -1",
                      "temperature must be a number from 0 up, got -1"),
    "no samples": ("solve 24 4 5 --n-samples 0", "n_samples must be at least 1, got 0"),
    "no states": ("solve 24 4 5 --max-evaluated 0", "max_evaluated must be at least 1, got 0"),
    "negative seed": ("solve 24 4 5 --seed -1", "seed must lie in .*, got -1"),
    "solve with no model": ("solve 24 4 5 --model gone", "there is no model 'gone'"),
    "solve with a damaged model": ("solve 24 4 5 --model junk",
                                   "'junk' is damaged or is not a start model"),
    "solve in a folder without a run": ("solve 24 4 5 --model .", "one with: reasoning train"),

    "table of no problems": ("table --n-problems 0", "n_problems must be at least 1, got 0"),
    "table of too many problems": ("table --n-problems 9999999",
                                   "6953 held-out puzzles, fewer than 9999999"),
    "table without seeds": ("table --n-seeds -1", "n_seeds must be at least 1, got -1"),
    "no such row": ("table --only beam", "no row has 'beam' in its name; there are: "),
    "no such option of table": ("table --sorted", "Unrecognized options: --sorted"),
    "table outside of runs": ("table --name ../a",
                              "name must be the name of a folder inside --runs, got '../a'"),
    "table inside a file": ("table --runs junk --n-problems 2", "junk.*(Not a directory|exists)"),

    "demo of no problems": ("demo --n-problems 0", "n_problems must be at least 1, got 0"),
    "demo of too many problems": ("demo --n-problems 9999999", "fewer than 9999999"),
    "demo inside a file": ("demo --runs junk", "junk: File exists"),

    "word for a number": ("train --steps many", "invalid literal for int.*'many'"),
    "no steps": ("train --steps 0", "steps must be at least 1, got 0"),
    "rate of zero": ("train --learning-rate 0", "learning_rate must be a positive number, got 0.0"),
    "seed beyond 63 bits": ("train --seed 9223372036854775808", "seed must lie in"),
    "empty batch": ("train --batch-size 0", "batch_size must be at least 1, got 0"),
    "empty micro-batch": ("train --micro-batch-size 0", "micro_batch_size must be at least 1"),
    "no blocks": ("train --n-layers 0", "n_layers must be at least 1, got 0"),
    "heads that do not divide": ("train --d-model 30", "d_model 30 does not divide into 4 heads"),
    "chains without operations": ("train --chain-operations 0",
                                  "chain_operations must be at least 1, got 0"),
    "operands of one": ("train --chain-operand 1",
                        "chain_operand must lie between 2 and 99, got 1"),
    "operands above 99": ("train --chain-operand 100", "between 2 and 99, got 100"),
    "no attempts": ("train --max-attempts 0", "max_attempts must lie between 1 and 4, got 0"),
    "five attempts": ("train --max-attempts 5", "max_attempts must lie between 1 and 4, got 5"),
    "gate without problems": ("train --n-evaluated 0", "n_evaluated must be at least 1, got 0"),
    "patience of train": ("train --patience 1", "patience has no effect here"),
    "no such device": ("train --device abacus", "no device 'abacus'"),
    "train outside of runs": ("train --name ..", "name of a folder inside --runs, got '..'"),
    "name taken": ("train --name s", "already holds a run; .*--overwrite"),
    "train resumes nothing": ("train --resume gone", "no run in 'gone'; start one with: reasoning"),
    "resume with another shape": ("train --resume runs/s --d-model 32",
                                  "this run has d_model 16, not 32"),

    "no rollouts": ("prm --n-rollouts 0", "n_rollouts must be at least 1, got 0"),
    "no puzzles": ("prm --n-puzzles 0", "n_puzzles must be at least 1, got 0"),
    "attempts below zero": ("prm --n-attempts -1", "n_attempts must be at least 1, got -1"),
    "prm without problems": ("prm --n-evaluated 0", "n_evaluated must be at least 1, got 0"),
    "prm of too many problems": ("prm --n-evaluated 6954", "6953 .* puzzles, fewer than 6954"),
    "patience of prm": ("prm --patience 1", "patience has no effect here"),
    "unknown kind": ("prm --kind both", "invalid choice 'both'"),
    "unknown estimate": ("prm --estimate firm", "invalid choice 'firm'"),
    "no start model": ("prm --start gone", "there is no start model 'gone'"),
    "damaged start model": ("prm --start junk", "'junk' is damaged or is not a start model"),
    "no outcome model": ("prm --outcome gone", "there is no verifier 'gone'"),
    "damaged outcome model": ("prm --outcome junk", "'junk' is damaged or is not a verifier"),
    "outcome model with itself": ("prm --kind outcome --outcome a", "leave out --outcome"),
    "prm resumes nothing": ("prm --resume gone", "there is no run in 'gone'"),

    "grpo with no model": ("grpo --model gone", "there is no model 'gone'"),
    "grpo with no file of a model": ("grpo --model gone.safetensors",
                                     "there is no start model 'gone.safetensors'"),
    "no reward": ("grpo --reward gone.py", "there is no file 'gone.py' to read a reward from"),
    "reward that is no Python": ("grpo --reward chain.txt",
                                 "a reward is a Python file, NAME.py; got 'chain.txt'"),
    "no prompts": ("grpo --reward one.py --prompts gone.txt", "no file 'gone.txt' to read prompts"),
    "empty prompts": ("grpo --reward one.py --prompts blank.txt", "'blank.txt' has no prompts"),
    "binary prompts": ("grpo --reward one.py --prompts binary.txt",
                       "'binary.txt' is not a text file in UTF-8"),
    "unknown word": ("grpo --reward one.py --prompts unknown.txt",
                     "line 2 of 'unknown.txt': the word 'seven' is not among the 214 of this"),
    "prompts that are no puzzles": ("grpo --prompts chain.txt",
                                    "prompt 'chain : 7 . 12 think' is not a puzzle of countdown"),
    "no space for an answer": ("grpo --max-new-tokens 190", "do not fit the context of 192 tokens"),
    "no answer": ("grpo --max-new-tokens 0", "max_new_tokens must be at least 1, got 0"),
    "no phases": ("grpo --n-phases 0", "n_phases must be at least 1, got 0"),
    "group of one": ("grpo --group-size 1", "group_size must be at least 2, got 1"),
    "more minibatches than answers": (
        "grpo --prompts-per-phase 1 --n-minibatches 9",
        "a phase has 8 answers, which cannot be split into 9 minibatches"),
    "more minibatches than a group": (
        "grpo --n-minibatches 9 --skip-flat-groups",
        "a group has 8 answers, which cannot be split into 9 minibatches"),
    "limit of zero": ("grpo --epsilon-high 0", "epsilon_high must be a positive number, got 0.0"),
    "lower limit of cispo": ("grpo --loss cispo --epsilon-low 0.2", "cispo has no lower limit"),
    "KL below zero": ("grpo --kl-coef -1", "kl_coef must be a number from 0 up, got -1.0"),
    "KL of nan": ("grpo --kl-coef nan", "kl_coef must be a number from 0 up, got nan"),
    "grpo without problems": ("grpo --n-evaluated 0", "n_evaluated must be at least 1, got 0"),
    "grpo of too many problems": ("grpo --n-evaluated 7000", "6953 .* puzzles, fewer than 7000"),
    "unknown loss of grpo": ("grpo --loss ppo", "invalid choice 'ppo'"),
    "unknown scaling": ("grpo --scaling all", "invalid choice 'all'"),
    "unknown control": ("grpo --method sft", "invalid choice 'sft'"),
    "steps of a phase": ("grpo --steps 3", "Unrecognized options: --steps"),
    "grpo resumes nothing": ("grpo --resume gone", "there is no run in 'gone'"),
    "grpo resumes another command": ("grpo --resume runs/s", "was made by reasoning train"),

    "no traces": ("distill --traces 0", "traces must be at least 1, got 0"),
    "distill without problems": ("distill --n-evaluated 0", "n_evaluated must be at least 1"),
    "cold teacher": ("distill --trace-temperature 0",
                     "trace_temperature must be a positive number, got 0.0"),
    "cold loss": ("distill --loss kl --kl-temperature 0",
                  "kl_temperature must be a positive number, got 0.0"),
    "beta above 1": ("distill --loss kl --beta 2", r"beta must lie in \[0, 1\], got 2.0"),
    "beta without kl": ("distill --beta 0.5", "have no effect with --loss sft; add --loss kl"),
    "patience of distill": ("distill --patience 1", "patience has no effect here"),
    "no such filter": ("distill --filter right", "invalid choice 'right'"),
    "unknown loss of distill": ("distill --loss dpo", "invalid choice 'dpo'"),
    "no teacher": ("distill --teacher gone", "there is no model 'gone'"),
    "no student": ("distill --student gone", "there is no model 'gone'"),
    "a file that is no teacher": ("distill --teacher junk",
                                  "'junk' is damaged or is not a start model"),
    "width of the student": ("distill --d-model 30", "d_model 30 does not divide into 4 heads"),
    "no steps of the student": ("distill --student-steps 0", "steps must be at least 1, got 0"),
    "no traces to use again": ("distill --student runs/s --traces-of gone",
                               "is missing or is not a file of traces"),
    "distill resumes nothing": ("distill --resume gone", "there is no run in 'gone'"),
    "distill resumes another command": ("distill --resume runs/s", "was made by reasoning train"),
    "no such option of distill": ("distill --tau 2", "Unrecognized options: --tau"),

    "no such group": ("compare --only PPO --no-speed",
                      "no group of rows is called 'PPO'; there are GRPO losses, GRPO steps, dist"),
    "no such option of compare": ("compare --fast", "Unrecognized options: --fast"),
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a run of `reasoning train` of one step, and files that cannot be used."""
    home = tmp_path_factory.mktemp("home")
    (home / "junk").write_bytes(b"junk")
    (home / "one.py").write_text("def reward(prompt, answers):\n    return [1.0] * len(answers)\n")
    (home / "chain.txt").write_text("24 : 4 7 9 11 think\n\nchain : 7 + 12 think\n")
    (home / "blank.txt").write_text("\n \n")
    (home / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (home / "unknown.txt").write_text("24 : 4 7 9 11 think\n24 : seven think\n")
    tiny = "--d-model 16 --n-layers 1 --steps 1 --batch-size 2 --n-evaluated 1 --device cpu"
    call = f"train {tiny} --runs {home / 'runs'} --name s"
    assert main(call.split()) == 1  # the gate is shut
    return home


def refused(capsys, call):
    """Check a wrong call, and return its one sentence."""
    assert main(call.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    [sentence] = printed.err.splitlines()
    assert sentence.startswith("reasoning: ")
    return sentence


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_one_sentence_and_leaves_nothing(name, home, capsys, monkeypatch):
    monkeypatch.chdir(home)
    before = sorted(home.rglob("*"))
    call, message = CALLS[name]
    sentence = refused(capsys, call)
    assert re.search(message, sentence), sentence
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("command", ["solve 24 4 5", "table", "demo", "compare"])
def test_commands_for_one_process_are_refused_under_torchrun(command, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    name = command.split()[0]
    assert f"start reasoning {name} without it, as a single process" in refused(capsys, command)
