"""Every training command on a tiny model: the files it writes, resuming, and uses of its run."""

import json
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from finetune.assistant.assistant import load_assistant, load_scorer
from finetune.cli import FINETUNE, main
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import read_task
from finetune.dpo.pairs import encode_pair, pair_rows
from finetune.dpo.run import DpoConfig
from finetune.lora.merge import merged_copy
from finetune.lora.nf4 import quantise_model
from finetune.lora.peft_files import read_adapter
from finetune.ppo import run as ppo_run
from finetune.reward.loss import reward_loss
from finetune.runs import TASK_FILE
from finetune.sft.run import SftConfig
from gpt.cli import main as gpt_main
from gpt.errors import BadInput
from gpt.generation.generate import generate
from gpt.runs import training_run
from gpt.runs.folder import RunFolder

TINY = "--device cpu --steps 4 --batch-size 4 --save-every 2"
PPO = (
    "--device cpu --n-phases 2 --prompts-per-phase 4 --max-new-tokens 6 --n-epochs 1 "
    "--n-minibatches 2 --save-every 1"
)
TRAINED = {"all": "--rank 0", "adapters": "--rank 2", "beside-nf4": "--rank 2 --quantised"}


def call(command, home, *more):
    return main([*command.split(), "--runs", str(home / "runs"), *map(str, more)])


@pytest.fixture(scope="module")
def sft(home):
    data = ("--data", home / "rows.json", "--model", home / "runs" / "base")
    assert call(f"sft {TINY} --name sft --overwrite", home, *data) == 0
    return home / "runs" / "sft"


@pytest.fixture(scope="module")
def reward_run(home, sft):
    data = ("--data", home / "pairs.jsonl", "--model", sft)
    assert call(f"reward {TINY} --name reward --overwrite", home, *data) == 0
    return home / "runs" / "reward"


def checkpoints(run):
    return {
        path.name: safetensors.torch.load_file(path)
        for path in (run / "checkpoints").glob("*.safetensors")
    }


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_the_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(FINETUNE.commands)


def test_sft_writes_a_run_that_gpt_can_sample_from(home, sft, capsys):
    from gpt.cli import main as gpt

    records = RunFolder(sft).read_log()
    assert [record["step"] for record in records] == [1, 2, 3, 4]
    assert records[-1]["validation"] is not None
    assert (sft / "task.json").is_file()
    assert gpt(["sample", "--run", str(sft), "--prompt", "The", "--max-new-tokens", "3"]) == 0
    assert capsys.readouterr().out.startswith("The")


def test_a_small_model_gets_two_special_tokens_for_conversations(home, sft):
    base, tuned = (RunFolder(each).read_config()["model"] for each in (home / "runs" / "base", sft))
    assert tuned["vocab_size"] == base["vocab_size"] + 2
    assistant = load_assistant(str(sft))
    assert assistant.format_name == "chatml"
    assert assistant.tokenizer.decode_bytes([assistant.stop]) == b"<|im_end|>"


@pytest.mark.parametrize("trained", TRAINED)
def test_a_stopped_run_resumes_with_the_same_bits(home, sft, trained, capsys):
    data = ("--data", home / "pairs.jsonl", "--model", sft)
    names = [f"whole-{trained}", f"cut-{trained}"]
    for name in names:
        assert call(f"dpo {TINY} {TRAINED[trained]} --name {name}", home, *data) == 0
    whole, cut = (home / "runs" / name for name in names)
    for path in (cut / "checkpoints").glob("*4.safetensors"):
        path.unlink()  # as if it had been killed after step 2
    assert main(["dpo", "--resume", str(cut)]) == 0
    assert same(checkpoints(whole)["step-00000004.safetensors"],
                checkpoints(cut)["step-00000004.safetensors"])  # fmt: skip
    assert [record["step"] for record in RunFolder(cut).read_log()] == [1, 2, 3, 4]
    saved = checkpoints(cut)["step-00000004.safetensors"]
    learned = [name for name in saved if name.startswith("model.")]
    assert all(name.endswith((".a", ".b")) for name in learned) == (trained != "all")


@pytest.mark.parametrize("how", ["--rank 0", "--rank 2", "--precision bf16"])
def test_the_first_loss_of_dpo_is_ln_2(home, sft, how):
    data = ("--data", home / "pairs.jsonl", "--model", sft, *how.split())
    short = "dpo --device cpu --steps 2 --batch-size 3 --name short --overwrite --warmup-ratio 0.9"
    assert call(short, home, *data) == 0
    first, _ = RunFolder(home / "runs" / "short").read_log()
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert first["chosen_reward"] == pytest.approx(0, abs=1e-6)


def test_ppo_resumes_between_phases_with_the_same_bits(home, sft, reward_run, few_questions):
    data = ("--model", sft, "--reward-model", reward_run)
    for name in ("ppo", "ppo_cut"):
        assert call(f"ppo {PPO} --name {name}", home, *data) == 0
    whole, cut = home / "runs" / "ppo", home / "runs" / "ppo_cut"
    for path in (cut / "checkpoints").glob("*4.safetensors"):
        path.unlink()
    assert main(["ppo", "--resume", str(cut)]) == 0
    assert same(checkpoints(whole)["step-00000004.safetensors"],
                checkpoints(cut)["step-00000004.safetensors"])  # fmt: skip
    assert [record["step"] for record in RunFolder(cut).read_log()] == [1, 2]


def test_a_reward_model_is_validated_without_dropout(home, sft):
    text = ("--data", home / "text.txt", "--runs", home / "runs")
    shape = "--preset nano --context 128 --n-layers 1 --d-model 16 --n-heads 2 --vocab-size 270"
    base = f"train --device cpu {shape} --batch-size 4 --steps 2 --dropout 0.5 --name noisy"
    assert gpt_main([*base.split(), *map(str, text)]) == 0
    data = ("--data", home / "pairs.jsonl", "--model", home / "runs" / "noisy")
    assert call(f"reward {TINY} --learning-rate 0.05 --name careful", home, *data) == 0
    run = home / "runs" / "careful"
    best = min(each["validation"] for each in RunFolder(run).read_log() if each["validation"])
    scorer, judge = load_scorer(run)
    held_out = read_task(run / TASK_FILE, PreferencePair).held_out
    pairs = [encode_pair(judge, pair, 128) for pair in held_out]
    loss = reward_loss(scorer, pair_rows(pairs))
    assert best == pytest.approx(loss.total.item() / loss.terms, abs=1e-6)


@pytest.mark.parametrize("bits", ["", "--quantised"])
def test_ppo_with_adapters_shares_one_base(home, sft, few_questions, bits, monkeypatch):
    def held(models, *more, **options):
        weights = [*models.policy.buffers(), *models.policy.parameters()]
        shared = {each.data_ptr() for each in weights if not each.requires_grad}
        critic = [*models.critic.buffers(), *models.critic.parameters()]
        assert shared == {each.data_ptr() for each in critic if not each.requires_grad}
        return begun(models, *more, **options)

    begun = ppo_run.ppo
    monkeypatch.setattr(ppo_run, "ppo", held)
    options = f"ppo {PPO} --rank 2 --name shared --overwrite {bits}"
    assert call(options, home, "--model", sft, "--reward-model", "rule") == 0
    saved = checkpoints(home / "runs" / "shared")["step-00000004.safetensors"]
    names = [name for name in saved if name.startswith("model.")]
    assert not any("embedding" in name for name in names)
    assert any(name.startswith("model.policy.") for name in names)
    assert any(name.startswith("model.critic.") for name in names)
    own, policy = (load_assistant(str(run)).model for run in (sft, home / "runs" / "shared"))
    if bits:
        quantise_model(own)
    read_adapter(home / "runs" / "shared" / "adapter", own)
    tokens = torch.tensor([[5, 6, 7]])
    assert torch.equal(merged_copy(own)(tokens), policy(tokens))


def test_pairs_that_cannot_be_read_are_counted_and_left_out(home, sft, capsys):
    lines = (home / "pairs.jsonl").read_text().splitlines()
    mark = r"Spell\nAnswer:\nb\n\nQuestion:"
    marked = [line.replace("Spell", mark) for line in lines[:3]]
    (home / "marked.jsonl").write_text("\n".join(marked + lines[3:]))
    data = ("--data", home / "marked.jsonl", "--model", home / "runs" / "base")
    assert call(f"dpo {TINY} --format plain --name marked", home, *data) == 0
    stderr = capsys.readouterr().err
    assert re.search(r"3 of 10 pairs are left out: .* 3 contain a delimiter", stderr)


def test_loading_a_run_does_not_change_the_random_state(home, sft):
    drawn = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        load_assistant(str(sft))
        drawn.append(torch.rand(()).item())
    assert drawn[0] != drawn[1]


def test_a_resumed_run_may_be_sharded_but_not_changed(sft):
    saved = SftConfig.saved(sft)
    replace(saved, loop=replace(saved.loop, shard=True)).refuse_changes(saved)
    with pytest.raises(BadInput, match="this run has learning_rate"):
        faster = replace(saved, loop=replace(saved.loop, learning_rate=1.0))
        faster.refuse_changes(saved)
    with pytest.raises(BadInput, match="cannot resume it"):
        DpoConfig.saved(sft)


def test_the_answers_of_every_stage_can_be_read(home, sft, reward_run, capsys):
    for run in (sft, home / "runs" / "ppo"):
        if run.exists():
            assert (
                main(
                    ["chat", "--model", str(run), "--question", "Spell 1.", "--max-new-tokens", "4"]
                )
                == 0
            )
    scorer, _ = load_scorer(reward_run)
    assert torch.isfinite(scorer(torch.tensor([[1, 2, 3]]), torch.tensor([3]))).all()


def test_a_run_with_adapters_is_loaded_with_merged_weights(home, sft):
    data = ("--data", home / "rows.json", "--model", sft)
    assert call(f"sft {TINY} --learning-rate 0.05 --rank 2 --name adapted", home, *data) == 0
    tuned, before = (load_assistant(str(home / "runs" / name)).model for name in ("adapted", "sft"))
    tokens = torch.tensor([[5, 6, 7]])
    assert not torch.allclose(tuned(tokens), before(tokens))
    assert type(tuned).__name__ == "GPT"
    assert len(list(generate(tuned, [5, 6], 3))) == 3


def test_reports_are_one_json_document(home, sft, reward_run, capsys):
    data = ("--data", home / "pairs.jsonl", "--model", sft)
    assert call(f"reward {TINY} --name told --json", home, *data) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"pairs", "model", "calibration_error", "length", "overlap"}
    assert (
        call(f"sft {TINY} --name told_sft --json --model {sft}", home, "--data", home / "rows.json")
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert set(found["models"]) == {"before", "after"}
    assert len(found["samples"]) == found["items"] == 1


def test_the_mask_is_shown_and_nothing_is_trained(home, sft, capsys):
    data = ("--data", home / "rows.json", "--model", sft)
    assert call("sft --show-mask --name unseen", home, *data) == 0
    said = capsys.readouterr().out
    assert "tokens count" in said
    assert not (home / "runs" / "unseen").exists()


def test_ctrl_c_in_a_step_saves_it_and_says_how_to_resume(home, sft, capsys, monkeypatch):
    logged = training_run.log_records

    def interrupted(records, folder):
        for record in logged(records, folder):
            if record.step == 3:
                signal.raise_signal(signal.SIGINT)
            yield record

    monkeypatch.setattr(training_run, "log_records", interrupted)
    data = ("--data", home / "rows.json", "--model", sft)
    assert call(f"sft {TINY} --name interrupted", home, *data) == 130
    run = home / "runs" / "interrupted"
    said = f"stopped after step 3; resume with: finetune sft --resume {run}"
    assert said in capsys.readouterr().err
    assert "step-00000003.safetensors" in checkpoints(run)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: SIGINT")
def test_ctrl_c_saves_and_says_how_to_resume(home, sft):
    run = home / "runs" / "stopped"
    command = [sys.executable, "-m", "finetune", "sft", "--device", "cpu", "--steps", "100000"]
    options = [
        "--model",
        sft,
        "--data",
        home / "rows.json",
        "--runs",
        home / "runs",
        "--name",
        "stopped",
    ]
    with subprocess.Popen(
        [*command, *map(str, options)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while not RunFolder(run).read_log():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert f"resume with: finetune sft --resume {run}" in said
    assert list((run / "checkpoints").glob("*.safetensors"))
