"""Runs that `finetune export` wrote, opened by transformers and peft, and an adapter of peft's."""

import pytest
import torch

pytest.importorskip("peft", reason="baselines: needs the extra baselines")

import transformers

from finetune.assistant.assistant import load_assistant, load_scorer
from finetune.cli import main
from finetune.lora import baselines
from finetune.lora.inject import lora_layers
from finetune.lora.peft_files import read_adapter
from gpt.baselines import load_library_model

pytestmark = pytest.mark.baselines
TINY = "--device cpu --steps 4 --batch-size 4 --learning-rate 0.05 --rank 2"
TOKENS = torch.arange(40).view(2, 20)
CLOSE = {"rtol": 0, "atol": 1e-5}  # float32; scores go up to 10


@pytest.fixture(scope="session")  # once, also where the file is shared out twice
def runs(home):
    """Runs with adapters on the base."""
    for verb, data in (("sft", "rows.json"), ("reward", "pairs.jsonl")):
        options = ["--data", home / data, "--model", home / "runs/base", "--runs", home / "runs"]
        assert main([*f"{verb} {TINY} --name peft-{verb}".split(), *map(str, options)]) == 0
    return home / "runs"


@pytest.fixture(scope="module")
def exported(runs, tmp_path_factory):
    """The base of the runs, with the adapter of one below."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    assert (
        main(["export", "--run", str(runs / "peft-sft"), "--output", str(folder), "--adapter"]) == 0
    )
    return folder


@torch.no_grad()
def test_peft_puts_the_adapter_of_a_run_onto_the_exported_base(runs, exported):
    ours = load_assistant(str(runs / "peft-sft"))
    base, encode = load_library_model(exported)
    before = base(TOKENS).logits
    assert (ours.model(TOKENS) - before).abs().max() > 0.1
    text = "<|im_start|>user\nSpell 1.<|im_end|>\n"
    assert encode(text) == ours.tokenizer.encode_with_specials(text)
    for adapter in (exported / "adapter", runs / "peft-sft" / "adapter"):
        theirs = baselines.load_peft_adapter(load_library_model(exported)[0], adapter)
        torch.testing.assert_close(theirs(TOKENS).logits, ours.model(TOKENS), **CLOSE)


@torch.no_grad()
def test_transformers_opens_the_merged_run(runs, tmp_path):
    assert main(["export", "--run", str(runs / "peft-sft"), "--output", str(tmp_path / "out")]) == 0
    ours, (theirs, _) = load_assistant(str(runs / "peft-sft")), load_library_model(tmp_path / "out")
    torch.testing.assert_close(theirs(TOKENS).logits, ours.model(TOKENS), **CLOSE)
    assert theirs.generation_config.eos_token_id == ours.stop


@torch.no_grad()
def test_a_reward_model_scores_the_same_there(runs, exported):
    classifier = transformers.AutoModelForSequenceClassification.from_pretrained
    base = classifier(exported, num_labels=1).eval()  # its head is that of the adapter
    theirs = baselines.load_peft_adapter(base, runs / "peft-reward" / "adapter")
    ours, _ = load_scorer(runs / "peft-reward")
    scores = ours(TOKENS, torch.tensor([20, 20]))
    assert scores.abs().min() > 0.01
    both = [theirs(row[None]).logits[0, 0] for row in TOKENS]  # without padding there
    torch.testing.assert_close(torch.stack(both), scores, **CLOSE)


@torch.no_grad()
def test_an_adapter_that_peft_wrote_for_the_exported_base_is_a_model_here(exported, tmp_path):
    settings = {"r": 3, "lora_alpha": 5, "target_modules": "all-linear"}
    theirs = baselines.write_peft_adapter(exported, tmp_path / "theirs", **settings)
    ours = load_assistant(str(tmp_path / "theirs")).model
    expected = theirs(TOKENS).logits.float()
    assert (expected - load_assistant(str(exported)).model(TOKENS)).abs().max() > 0.1
    torch.testing.assert_close(ours(TOKENS), expected, **CLOSE)
    beside = load_assistant(str(exported)).model
    read_adapter(tmp_path / "theirs", beside)
    assert lora_layers(beside)
    torch.testing.assert_close(beside(TOKENS), expected, **CLOSE)
