"""Models by name: what is found, and the one sentence for what is not."""

import json
import sys

import pytest
import torch

from gpt.cli import main
from gpt.commands.sample import SampleConfig
from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.folders import write_model
from gpt.pretrained.generation import SamplingDefaults, sampling_defaults
from gpt.pretrained.loading import load_pretrained
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.tokenizer_export import write_hugging_face_tokenizer

TOKENIZER = BytePairTokenizer.train(["the list of the items\n" * 4], 262)
SHAPE = {"context": 16, "n_layers": 1, "n_heads": 2, "d_model": 16, "d_ff": 16, "norm_kind": "rms"}


@pytest.fixture
def folder(tmp_path):
    """A model of random weights, with its tokenizer."""
    write_model(tmp_path, GPT(GPTConfig(vocab_size=262, **SHAPE)), TOKENIZER.end_of_text)
    write_hugging_face_tokenizer(TOKENIZER, tmp_path)
    return tmp_path


def test_a_folder_gives_model_and_tokenizer_ready_to_write(folder):
    model, tokenizer = load_pretrained(str(folder))
    assert not model.training
    assert next(model.parameters()).dtype == torch.float32
    assert tokenizer.encode("the items") == TOKENIZER.encode("the items")
    assert tokenizer.end_of_text == TOKENIZER.end_of_text


def test_the_precision_is_that_of_every_weight(folder):
    exact, rounded = (load_pretrained(str(folder), precision=each)[0] for each in ("fp32", "bf16"))
    assert {each.dtype for each in rounded.parameters()} == {torch.bfloat16}
    for a, b in zip(exact.parameters(), rounded.parameters(), strict=True):
        assert torch.equal(a.bfloat16(), b)


def test_weights_stored_in_bf16_are_read_as_float32_unless_told_otherwise(folder):
    model = load_pretrained(str(folder), precision="bf16").model
    write_model(folder, model, TOKENIZER.end_of_text)
    assert next(load_pretrained(str(folder)).model.parameters()).dtype == torch.float32


def test_a_folder_says_how_its_model_is_sampled_and_options_go_first(folder):
    path = folder / "generation_config.json"
    settings = {"do_sample": True, "temperature": 0.6, "top_k": 0, "top_p": 0.9}
    path.write_text(json.dumps(settings))
    defaults = sampling_defaults(folder)
    assert defaults == SamplingDefaults(0.6, 0, 0.9)
    assert SampleConfig().sampling(defaults) == SamplingDefaults(0.6, None, 0.9)
    asked = SampleConfig(temperature=0.0, top_k=3)
    assert asked.sampling(defaults) == SamplingDefaults(0.0, 3, 0.9)
    path.write_text(json.dumps(settings | {"do_sample": False}))
    assert sampling_defaults(folder) == SamplingDefaults()
    assert SampleConfig().sampling(SamplingDefaults()) == SamplingDefaults(0.8, None, 0.95)
    assert SampleConfig(chat="Hi").sampling(SamplingDefaults()).temperature == 0


def test_an_export_keeps_how_its_model_is_sampled_and_no_file_of_an_earlier_one(folder, tmp_path):
    settings = {"do_sample": True, "temperature": 0.6, "top_p": 0.9}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    out = tmp_path / "out"
    out.mkdir()
    (out / "added_tokens.json").write_text('{"<old>": 262}')
    (out / "special_tokens_map.json").write_text('{"eos_token": "<old>"}')
    (out / "adapter_config.json").write_text("{}")
    assert main(["export", "--model", str(folder), "--output", str(out), "--overwrite"]) == 0
    written = json.loads((out / "generation_config.json").read_text())
    assert {name: written[name] for name in settings} == settings
    assert load_pretrained(str(out)).tokenizer.vocab_size == 262
    assert sampling_defaults(out) == SamplingDefaults(0.6, 50, 0.9)


def test_older_configs_hold_settings_of_generation_too(folder):
    content = json.loads((folder / "config.json").read_text())
    older = {"max_length": 50, "length_penalty": 1.0, "do_sample": True, "temperature": 0.5}
    (folder / "config.json").write_text(json.dumps(content | older))
    (folder / "generation_config.json").unlink()
    load_pretrained(str(folder))
    assert sampling_defaults(folder).temperature == 0.5


@pytest.mark.parametrize("place", ["generation_config.json", "config.json"])
def test_a_way_to_generate_that_ours_lacks_is_refused_by_name(place, folder):
    if place == "config.json":  # where older folders have it
        (folder / "generation_config.json").unlink()
    content = json.loads((folder / place).read_text()) if place == "config.json" else {}
    (folder / place).write_text(json.dumps(content | {"repetition_penalty": 1.3}))
    with pytest.raises(BadInput, match=f"{place} has repetition_penalty 1.3; it must be 1.0"):
        load_pretrained(str(folder))


def test_a_model_of_fewer_ids_than_its_tokenizer_is_refused(folder):
    write_model(folder, GPT(GPTConfig(vocab_size=200, **SHAPE)), 0)
    with pytest.raises(BadInput, match="has a tokenizer of 262 tokens and a model of 200"):
        load_pretrained(str(folder))


def test_a_model_of_more_ids_than_its_tokenizer_is_not(folder):
    """Many models round their vocabulary up."""
    write_model(folder, GPT(GPTConfig(vocab_size=272, **SHAPE)), TOKENIZER.end_of_text)
    assert load_pretrained(str(folder)).model.config.vocab_size == 272


@pytest.mark.parametrize("name", ["./missing/dir", "a/b/c", "", "/", "no such model", "a/b@c"])
def test_what_can_be_no_hub_id_is_not_asked_for(name, monkeypatch):
    monkeypatch.setattr(
        "gpt.pretrained.loading.download_from_hub", lambda name: pytest.fail("asked a hub")
    )
    with pytest.raises(BadInput, match="there is no model in .*; give smollm2, a run folder,"):
        load_pretrained(name)


def test_a_folder_without_a_config_is_not_taken_for_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "gpt.pretrained.loading.download_from_hub", lambda name: pytest.fail("asked a hub")
    )
    with pytest.raises(BadInput, match="there is no model in 'empty'"):
        load_pretrained("empty")


def test_a_hub_id_without_the_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(BadInput, match=r"no folder 'nowhere/none'.*'packages/gpt\[hub\]'"):
        load_pretrained("nowhere/none")


@pytest.mark.parametrize("name", ["nowhere/none", "a--b/c", "none"])
def test_a_hub_that_cannot_be_asked_is_one_sentence(name):
    pytest.importorskip("huggingface_hub", reason="baselines: needs the extra hub")
    with pytest.raises(BadInput, match=f"no folder '{name}', and the hub does not give") as refused:
        load_pretrained(name)
    assert "\n" not in str(refused.value)


def test_a_hub_id_is_fetched_without_its_pickled_weights(folder, monkeypatch):
    hub = pytest.importorskip("huggingface_hub", reason="baselines: needs the extra hub")
    asked = {}

    def snapshot(name, **options):
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    assert load_pretrained("owner/name").tokenizer.vocab_size == 262
    assert asked == {"name": "owner/name", "allow_patterns": ["*.json", "*.safetensors", "*.jinja"]}


def test_a_config_of_a_run_is_not_taken_for_one_of_transformers(folder):
    (folder / "config.json").write_text(json.dumps({"model": {}}))
    with pytest.raises(BadInput, match="is not the config of a run"):
        load_pretrained(str(folder))
