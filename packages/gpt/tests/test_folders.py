"""Models written to folders in the layout of transformers, and read back."""

import json

import pytest
import safetensors.torch
import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.folders import read_model, write_model

SIZES = {"vocab_size": 60, "context": 24, "n_layers": 2, "n_heads": 4, "d_model": 32, "d_ff": 48}
RMS = {"norm_kind": "rms", "ff_bias": False, "tied_head": False}
SHAPES = {
    "gpt2": GPTConfig(**SIZES, positions="learned", attention_bias=True),
    "llama": GPTConfig(**SIZES, **RMS, feed_forward="swiglu", n_kv_heads=2, head_width=10),
    "arcee": GPTConfig(**SIZES, **RMS, feed_forward="relu2", n_kv_heads=4, head_width=8),
}


def a_model(family):
    """A perturbed model, so that no gain of 1 or bias of 0 hides a wrong mapping."""
    model = GPT(SHAPES[family]).eval()
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return model


@pytest.fixture(params=SHAPES)
def written(request, tmp_path):
    """A model and its folder."""
    model = a_model(request.param)
    write_model(tmp_path / "model", model, end_of_text=59)
    return model, tmp_path / "model"


def assert_same(ours, theirs):
    tokens = torch.arange(24)[None] % 60
    assert ours.config == theirs.config
    expected = ours.state_dict()
    assert theirs.state_dict().keys() == expected.keys()
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    with torch.no_grad():
        assert torch.equal(ours(tokens), theirs.eval()(tokens))


def rewrite(folder, change):
    """Change the tensors of a folder by name."""
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path, {"format": "pt"})


def test_a_model_read_back_has_every_tensor_and_the_same_logits(written):
    model, folder = written
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors",
    }  # fmt: skip
    assert_same(model, read_model(folder))


def test_the_config_says_where_texts_end_and_in_which_format_the_weights_are(written):
    model, folder = written
    write_model(folder, model.to(torch.bfloat16), end_of_text=7)
    config = json.loads((folder / "config.json").read_text())
    assert config["dtype"] == "bfloat16"
    assert config["bos_token_id"] == config["eos_token_id"] == 7
    ends = json.loads((folder / "generation_config.json").read_text())
    assert ends == {"bos_token_id": 7, "eos_token_id": 7}
    assert next(read_model(folder).parameters()).dtype == torch.bfloat16


def test_a_model_in_several_files_is_put_together(written):
    model, folder = written
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {name: f"model-{1 + i % 3}-of-3.safetensors" for i, name in enumerate(tensors)}
    for place in set(places.values()):
        part = {name: each for name, each in tensors.items() if places[name] == place}
        safetensors.torch.save_file(part, folder / place, {"format": "pt"})
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert_same(model, read_model(folder))
    (folder / "model-2-of-3.safetensors").unlink()
    with pytest.raises(BadInput, match=r"model-2-of-3.safetensors' is missing; weights are only"):
        read_model(folder)


def test_a_single_file_takes_precedence_over_an_index(written):
    model, folder = written
    index = {"weight_map": {"model.norm.weight": "model-1-of-9.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert_same(model, read_model(folder))


@pytest.mark.parametrize("index", ['{"weight_map": ["a"]}', "{}", '{"weight_map": {"a": 1}}'])
def test_an_index_that_names_no_files_is_refused(index, written):
    _, folder = written
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(BadInput, match="does not say which file holds which tensor"):
        read_model(folder)


def test_an_index_cannot_name_files_outside_its_folder(written, tmp_path):
    _, folder = written
    (folder / "model.safetensors").rename(tmp_path / "outside.safetensors")
    index = {"weight_map": {"a": "../outside.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match=r"model.outside.safetensors' is missing"):
        read_model(folder)


def test_a_folder_of_the_first_gpt2_files_is_read(tmp_path):
    """No prefix, the mask as a buffer in every layer, and the tied head once more."""
    model = a_model("gpt2")
    write_model(tmp_path, model, end_of_text=None)

    def age(tensors):
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)
        for layer in (0, 1):
            tensors[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 24, 24).tril()
        tensors["lm_head.weight"] = tensors["wte.weight"].clone()

    rewrite(tmp_path, age)
    assert_same(model, read_model(tmp_path))


def test_a_mask_that_is_not_causal_is_not_dropped_silently(tmp_path):
    write_model(tmp_path, a_model("gpt2"), end_of_text=None)
    window = torch.ones(1, 1, 24, 24).tril() - torch.ones(24, 24).tril(-4)
    rewrite(tmp_path, lambda tensors: tensors.update({"transformer.h.1.attn.bias": window}))
    with pytest.raises(BadInput, match=r"'h.1.attn.bias' with another value than this"):
        read_model(tmp_path)


@pytest.mark.parametrize(("base", "accepted"), [(10_000.0, True), (500.0, False)])
def test_frequencies_in_a_file_are_dropped_if_they_are_those_of_the_config(
    base, accepted, tmp_path
):
    model = a_model("llama")
    write_model(tmp_path, model, end_of_text=None)
    stored = (base ** -(torch.arange(0, 10, 2) / 10)).bfloat16()
    name = "model.layers.1.self_attn.rotary_emb.inv_freq"
    rewrite(tmp_path, lambda tensors: tensors.update({name: stored}))
    if accepted:
        assert_same(model, read_model(tmp_path))
    else:
        with pytest.raises(BadInput, match=r"rotary_emb.inv_freq' with another value than"):
            read_model(tmp_path)


def test_a_constant_of_another_shape_is_refused(tmp_path):
    write_model(tmp_path, a_model("gpt2"), end_of_text=None)
    twice = torch.ones(2, 1, 24, 24).tril()
    rewrite(tmp_path, lambda tensors: tensors.update({"transformer.h.1.attn.bias": twice}))
    with pytest.raises(BadInput, match=r"'h.1.attn.bias' with another value than this"):
        read_model(tmp_path)


def test_a_tensor_with_and_without_its_prefix_is_refused(tmp_path):
    write_model(tmp_path, a_model("gpt2"), end_of_text=None)
    rewrite(tmp_path, lambda tensors: tensors.update({"wte.weight": torch.ones(60, 32)}))
    with pytest.raises(BadInput, match=r"tensors 'wte.weight' and 'transformer.wte.weight'"):
        read_model(tmp_path)


def test_a_tied_model_with_a_head_of_its_own_keeps_both(tmp_path):
    model = a_model("gpt2")
    write_model(tmp_path, model, end_of_text=None)
    head = torch.randn(60, 32)
    rewrite(tmp_path, lambda tensors: tensors.update({"lm_head.weight": head}))
    read = read_model(tmp_path)
    assert not read.config.tied_head
    assert torch.equal(read.head, head)
    write_model(tmp_path / "again", read, end_of_text=None)
    assert not json.loads((tmp_path / "again" / "config.json").read_text())["tie_word_embeddings"]


def test_a_tensor_of_another_shape_is_named(written):
    model, folder = written
    last = "transformer.ln_f.weight" if model.config.norm_kind == "layer" else "model.norm.weight"
    rewrite(folder, lambda tensors: tensors.update({last: torch.ones(5)}))
    with pytest.raises(BadInput, match=r"final_norm.gain has shape \(5,\), .* needs \(32,\)"):
        read_model(folder)


def test_a_folder_with_only_pickled_weights_is_refused(written):
    """Opening pickled weights could run any program."""
    _, folder = written
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"model.safetensors' is missing; weights are only read"):
        read_model(folder)


@pytest.mark.parametrize("tenth", range(10))
def test_weights_cut_at_any_tenth_are_refused(tenth, written):
    _, folder = written
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * tenth // 10])
    with pytest.raises(BadInput, match=r"model.safetensors' is damaged: "):
        read_model(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is not JSON"), (b"\xff", "is not JSON"), (b"[]", "holds a list instead of a JSON"),
     (b"{}", "models of type None are not supported"), (None, "there is no file")],
)  # fmt: skip
def test_a_damaged_config_is_refused(content, message, written):
    _, folder = written
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_model(folder)


def test_a_refused_architecture_leaves_no_folder(tmp_path):
    with pytest.raises(BadInput, match="transformers has no class for this arch"):
        write_model(tmp_path / "new", GPT(GPTConfig(**SIZES, positions="alibi")), end_of_text=0)
    assert list(tmp_path.iterdir()) == []
