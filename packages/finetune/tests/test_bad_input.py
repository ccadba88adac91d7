"""Every wrong call ends with one sentence, status 2, and nothing half-written."""

import re

import pytest

from finetune.cli import main

BASE = "--device cpu --runs runs --name new --model runs/base"
CALLS = {
    "no such command": ("fly", "no command 'fly'; the commands are sft, reward, dpo, ppo, chat"),
    "no such option": ("sft --stpes 3", "Unrecognized options: --stpes"),
    "word for a number": ("dpo --steps many", "invalid literal for int.*'many'"),
    "no steps": ("sft --steps 0", "steps must be at least 1, got 0"),
    "rate of zero": ("reward --learning-rate 0", "learning_rate must be a positive number"),
    "empty batch": ("sft --batch-size 0", "batch_size must be at least 1, got 0"),
    "empty micro-batch": ("sft --micro-batch-size 0", "micro_batch_size must be at least 1, got 0"),
    "no context": ("sft --context 0", "context must be at least 1, got 0"),
    "negative rank": ("sft --rank -1", "rank must be at least 0, got -1"),
    "four bits without adapters": (f"sft {BASE} --data rows.json --quantised",
                                   "add adapters with --rank 16"),
    "alpha of zero": ("sft --alpha 0", "alpha must be a positive number, got 0.0"),
    "unknown format": (f"sft {BASE} --data rows.json --format xml", "no format 'xml'"),
    "template without one": (f"sft {BASE} --data rows.json --format template",
                             "no chat template"),
    "context beyond the model": (f"sft {BASE} --data rows.json --context 4096",
                                 "context 4096 is more than the model's 128"),
    "context too short": (f"sft {BASE} --data rows.json --context 4", "context of 4 tokens"),
    "missing file": (f"sft {BASE} --data gone.json", "gone.json"),
    "empty file": (f"sft {BASE} --data empty.json", "empty.json"),
    "binary file": (f"sft {BASE} --data junk.json", "junk.json"),
    "unknown columns": (f"sft {BASE} --data columns.jsonl", "columns.jsonl"),
    "pairs for conversations": (f"dpo {BASE} --data rows.json", "rows.json"),
    "one pair": (f"dpo {BASE} --data one.jsonl", "there is only one usable row; at least"),
    "no model": ("sft --name new --data rows.json --model gone/run", "'gone/run'"),
    "folder without a model": ("sft --name new --data rows.json --model nothing",
                               "no model in 'nothing'"),
    "no card": ("sft --data rows.json --device cuda:99", "no device 'cuda:99'"),
    "beta of zero": (f"dpo {BASE} --data pairs.jsonl --beta 0", "beta must be a positive number"),
    "no pair that fits": (f"dpo {BASE} --data pairs.jsonl --context 8", "pairs fits into a"),
    "ignored without a file": ("sft --ignore-columns id", "are for the rows of a file"),
    "skipped without a file": ("dpo --skip-unusable", "are for the rows of a file"),
    "ignored and nowhere": (f"sft {BASE} --data rows.json --ignore-columns idd",
                            "no row has a column or key 'idd' to ignore; there are .'instruction'"),
    "two sources of pairs": (f"dpo {BASE} --data pairs.jsonl --sample-from runs/base",
                             "from --sample-from runs/base or --data pairs.jsonl"),
    "unknown loss": ("dpo --loss hinge", "invalid choice 'hinge'"),
    "no phases": ("ppo --n-phases 0", "n_phases must be at least 1, got 0"),
    "gamma above 1": ("ppo --gamma 2", r"gamma must lie in \[0, 1\]"),
    "too few prompts": ("ppo --prompts-per-phase 2 --n-minibatches 4",
                        "2 prompts per phase cannot be split into 4"),
    "negative coefficient": ("ppo --kl-coef -1", "kl_coef must be a number from 0 up"),
    "target of zero": ("ppo --target-kl 0", "target_kl must be a number above 0, got 0"),
    "target without a coefficient": ("ppo --kl-coef 0 --target-kl 6",
                                     "kl_coef with a target_kl must be a number above 0"),
    "no space for an answer": (f"ppo {BASE} --reward-model rule --max-new-tokens 120",
                               "has no space for answers of max_new_tokens 120"),
    "rows of a phase": ("ppo --batch-size 8", "Unrecognized options: --batch-size"),
    "steps of a phase": ("ppo --steps 8", "Unrecognized options: --steps"),
    "no reward model": (f"ppo {BASE} --reward-model gone", "no reward model in 'gone'"),
    "a base as a reward model": (f"ppo {BASE} --reward-model runs/base",
                                 "no reward model in 'runs/base'"),
    "ppo on a file": (f"ppo {BASE} --data rows.json", "Unrecognized options: --data"),
    "nothing to resume": ("sft --resume nothing", "no run in 'nothing'"),
    "another command's run": ("sft --resume runs/base", "was made by gpt train"),
    "no answer": ("chat --model runs/base --max-new-tokens 0",
                  "max_new_tokens must be at least 1, got 0"),
    "negative heat": ("chat --model runs/base --temperature -1", "temperature must be"),
    "negative seed": ("chat --model runs/base --seed -1", "seed must lie in"),
    "no questions": ("eval --n-questions 0", "n_questions must be at least 1, got 0"),
    "no evaluation": ("demo --n-questions 0", "n_questions must be at least 1, got 0"),
    "stage without a step": ("demo --sft-steps 0", "sft_steps must be at least 1, got 0"),
    "no run to export": ("export --run gone", "no run in 'gone'"),
    "export of another command": ("export --run runs/base",
                                  "was made by gpt train; export it with"),
    "no such rows": ("compare --only nosuch", "nosuch"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_one_sentence_and_leaves_nothing(
    name, home, few_questions, capsys, monkeypatch
):
    monkeypatch.chdir(home)
    before = sorted(path for path in home.rglob("*") if path.is_file())
    call, message = CALLS[name]
    assert main(call.split()) == 2
    said = capsys.readouterr()
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("finetune: ")
    assert re.search(message, last), last
    assert "Traceback" not in said.err
    assert sorted(path for path in home.rglob("*") if path.is_file()) == before
