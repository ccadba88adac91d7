"""`finetune export`, and the adapter that a run leaves: no other library takes part."""

import json

import pytest
import torch

from finetune.assistant.assistant import load_assistant, load_scorer
from finetune.cli import main
from finetune.lora.inject import LoraConfig, inject
from finetune.lora.merge import merged_copy
from finetune.lora.peft_files import CONFIG_FILE, TENSORS_FILE, read_adapter, write_adapter
from finetune.reward.scorer import as_scorer
from gpt.errors import BadInput
from gpt.pretrained.loading import load_pretrained

TINY = "--device cpu --steps 4 --batch-size 4 --learning-rate 0.05"
TOKENS = torch.arange(40).view(2, 20)
ADAPTER_FILES = {CONFIG_FILE, TENSORS_FILE}


def call(command, home, *more):
    return main([*command.split(), "--runs", str(home / "runs"), *map(str, more)])


@pytest.fixture(scope="session")  # once, also where the file is shared out twice
def runs(home):
    """Runs with adapters on top of `runs/start`, which has none."""
    rows, pairs = ("--data", home / "rows.json"), ("--data", home / "pairs.jsonl")
    base, start = home / "runs" / "base", home / "runs" / "start"
    assert call(f"sft {TINY} --name start", home, *rows, "--model", base) == 0
    for verb, data in (("sft", rows), ("dpo", pairs), ("reward", pairs)):
        name = f"thin-{verb}"
        assert call(f"{verb} {TINY} --rank 2 --name {name}", home, *data, "--model", start) == 0
    small = f"sft {TINY} --rank 2 --quantised --name small-sft"
    assert call(small, home, *rows, "--model", start) == 0
    return home / "runs"


@pytest.mark.parametrize("verb", ["sft", "dpo"])
def test_a_run_saves_its_adapter_which_holds_all_that_it_learned(verb, runs):
    run = runs / f"thin-{verb}"
    assert {path.name for path in (run / "adapter").iterdir()} == ADAPTER_FILES
    model = load_assistant(str(runs / "start")).model
    before = model(TOKENS)
    read_adapter(run / "adapter", model)
    after = load_assistant(str(run)).model(TOKENS)
    assert not torch.allclose(before, after)
    assert torch.equal(merged_copy(model)(TOKENS), after)


def test_a_reward_model_saves_its_score_row_with_its_adapter(runs):
    scorer = as_scorer(load_assistant(str(runs / "start")).model)
    read_adapter(runs / "thin-reward" / "adapter", scorer)
    lengths = torch.tensor([20, 7])
    ours, _ = load_scorer(runs / "thin-reward")
    assert ours(TOKENS, lengths).abs().min() > 0
    assert torch.equal(scorer.eval()(TOKENS, lengths), ours(TOKENS, lengths))


def test_a_run_that_trains_all_weights_has_no_adapter(runs, home):
    assert not (runs / "start" / "adapter").exists()
    again = ("--data", home / "rows.json", "--model", runs / "start")
    assert call(f"sft {TINY} --rank 2 --name changed", home, *again) == 0
    assert (runs / "changed" / "adapter" / CONFIG_FILE).exists()
    assert call(f"sft {TINY} --overwrite --name changed", home, *again) == 0
    assert not (runs / "changed" / "adapter" / CONFIG_FILE).exists()


@pytest.mark.parametrize("name", ["start", "thin-dpo", "small-sft"])
def test_an_exported_run_answers_as_the_run_does(name, runs, tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["export", "--run", str(runs / name), "--output", str(folder)]) == 0
    assert f"open it with: AutoModelForCausalLM.from_pretrained({str(folder)!r})" in (
        capsys.readouterr().err
    )
    assert not (folder / "adapter").exists()
    ours, theirs = load_assistant(str(runs / name)), load_assistant(str(folder))
    assert torch.equal(ours.model(TOKENS), theirs.model(TOKENS))
    assert (theirs.format_name, theirs.stop) == ("template", ours.stop)


@pytest.mark.parametrize("name", ["thin-sft", "small-sft"])
def test_a_separate_adapter_can_be_loaded_by_its_folder(name, runs, tmp_path):
    folder, run = tmp_path / "out", str(runs / name)
    assert main(["export", "--run", run, "--output", str(folder), "--adapter"]) == 0
    base, start = load_pretrained(str(folder)).model, load_assistant(str(runs / "start")).model
    assert torch.equal(base(TOKENS), start(TOKENS)) == (name == "thin-sft")  # no four bits there
    ours, theirs = load_assistant(run), load_assistant(str(folder / "adapter"))
    assert torch.equal(ours.model(TOKENS), theirs.model(TOKENS))
    assert main(["export", "--run", run, "--output", str(folder), "--overwrite"]) == 0
    assert not (folder / "adapter" / CONFIG_FILE).exists()  # the model has it inside now


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("runs/base out", "was made by gpt train; export it with: gpt export --run runs/base"),
        ("nothing out", "there is no run in 'nothing'"),
        ("runs/start out --adapter", "has trained all weights of its model and has no adapter"),
        ("runs/thin-reward out", "is a reward model"),
        ("runs/start runs", "'runs' is not empty"),
        ("runs/start rows.json", "'rows.json' is a file"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_leaves_nothing(
    call, message, home, runs, capsys, monkeypatch
):
    monkeypatch.chdir(home)
    run, output, *more = call.split()
    assert main(["export", "--run", run, "--output", output, *more]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (home / "out").exists()


@pytest.mark.parametrize(
    ("base", "message"),
    [(None, "does not name its base model"), ("other", "'other', also an adapter")],
)
def test_an_adapter_without_a_base_is_refused(base, message, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = load_assistant(str(runs / "start")).model
    inject(model, LoraConfig(2))
    write_adapter(tmp_path / "other", model)
    write_adapter(tmp_path / "adapter", model, base)
    assert json.loads((tmp_path / "adapter" / CONFIG_FILE).read_text())["r"] == 2
    with pytest.raises(BadInput, match=message):
        load_assistant("adapter")
