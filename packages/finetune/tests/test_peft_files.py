import json

import pytest
import safetensors.torch
import torch

from finetune.lora.inject import LoraConfig, inject, lora_layers
from finetune.lora.peft_config import rank_and_scale
from finetune.lora.peft_files import (
    CONFIG_FILE,
    SCORE_TENSOR,
    TENSORS_FILE,
    read_adapter,
    write_adapter,
)
from finetune.lora.peft_layout import peft_modules
from finetune.reward.scorer import as_scorer
from gpt import files
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

LLAMA = GPTConfig(
    vocab_size=20, context=16, n_layers=2, n_heads=4, d_model=16, d_ff=24, n_kv_heads=2,
    norm_kind="rms", feed_forward="swiglu", ff_bias=False,
)  # fmt: skip
ARCEE = GPTConfig(**vars(LLAMA) | {"feed_forward": "relu2"})
GPT2 = GPTConfig(
    vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32,
    positions="learned", attention_bias=True,
)  # fmt: skip
SHAPES = {"llama": LLAMA, "arcee": ARCEE, "gpt2": GPT2}
TOKENS = torch.randint(0, 20, (3, 9), generator=torch.Generator().manual_seed(1))


def pair(shape, config):
    """Return a model with random adapters, and its base."""
    base = GPT(shape)
    for parameter in base.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    model = GPT(shape)
    model.load_state_dict(base.state_dict())
    inject(model, config)
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.b)
    return model, base


@pytest.fixture
def folder(tmp_path):
    """Write an adapter of rank 2 on q, v and down of a Llama and return its folder."""
    model, _ = pair(LLAMA, LoraConfig(2, 6.0, ("q", "v", "down")))
    write_adapter(tmp_path, model)
    return tmp_path


def edit(folder, drop=(), **settings):
    """Change settings of an adapter in its folder, and drop others."""
    config = json.loads((folder / CONFIG_FILE).read_text()) | settings
    (folder / CONFIG_FILE).write_text(
        json.dumps({k: v for k, v in config.items() if k not in drop})
    )


def edit_tensors(folder, change):
    """Apply a change to the tensors of an adapter in its folder."""
    tensors = safetensors.torch.load_file(folder / TENSORS_FILE)
    change(tensors)
    safetensors.torch.save_file(tensors, folder / TENSORS_FILE)


@pytest.mark.parametrize("family", SHAPES)
@pytest.mark.parametrize("targets", [("q", "v"), ("k",), ("o", "down"), ("q", "up"), ("all",)])
def test_an_adapter_survives_writing_and_reading(family, targets, tmp_path):
    model, base = pair(SHAPES[family], LoraConfig(2, 6.0, targets, dropout=0.1))
    before = base(TOKENS)
    write_adapter(tmp_path, model)
    read_adapter(tmp_path, base)
    ours, again = lora_layers(model), lora_layers(base)
    assert ours.keys() == again.keys()
    for name, layer in ours.items():
        twin = again[name]
        assert torch.equal(layer.a, twin.a) and torch.equal(layer.b, twin.b)
        assert (layer.slices, layer.scale, 0.1) == (twin.slices, twin.scale, twin.dropout.p)
    trained = {name for name, each in base.named_parameters() if each.requires_grad}
    assert trained == {f"{name}.{factor}" for name in ours for factor in "ab"}
    model.eval(), base.eval()
    assert torch.equal(model(TOKENS), base(TOKENS)) and not torch.equal(before, base(TOKENS))


def test_the_names_in_a_llama_are_those_of_its_projections(folder):
    tensors = safetensors.torch.load_file(folder / TENSORS_FILE)
    parts = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]
    assert tensors.keys() == {
        f"base_model.model.model.layers.{layer}.{part}.lora_{factor}.weight"
        for layer in (0, 1)
        for part in parts
        for factor in "AB"
    }
    config = json.loads((folder / CONFIG_FILE).read_text())
    assert config["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    assert (config["r"], config["lora_alpha"], config["rank_pattern"]) == (2, 6, {})


def test_three_adapters_of_one_module_are_one_of_three_times_the_rank(tmp_path):
    model, _ = pair(GPT2, LoraConfig(2, 6.0))
    write_adapter(tmp_path, model)
    tensors = safetensors.torch.load_file(tmp_path / TENSORS_FILE)
    layer, name = model.blocks[1].attention.qkv, "base_model.model.transformer.h.1.attn.c_attn"
    a, b = tensors[f"{name}.lora_A.weight"], tensors[f"{name}.lora_B.weight"]
    assert a.shape == (6, 16) and torch.equal(a, layer.a)
    assert torch.equal(b, torch.block_diag(*layer.b.split(16)))
    torch.testing.assert_close(3 * b @ a, layer.delta_weight())
    config = json.loads((tmp_path / CONFIG_FILE).read_text())
    path = name.removeprefix("base_model.model.")
    assert (config["r"], config["lora_alpha"]) == (2, 6)
    assert (config["rank_pattern"][path], config["alpha_pattern"][path]) == (6, 18)
    assert config["target_modules"] == ["attn.c_proj", "c_attn", "c_fc", "mlp.c_proj"]
    assert config["fan_in_fan_out"] is True


def test_the_a_of_a_module_trained_by_peft_is_copied_to_each_of_its_projections(tmp_path):
    model, base = pair(GPT2, LoraConfig(6, 6.0))
    write_adapter(tmp_path, model)
    edit_tensors(tmp_path, lambda tensors: None)  # saved without the header, as peft does
    edit(tmp_path, rank_pattern={"c_attn": 18, "c_fc": 6}, alpha_pattern={r".*h\.\d\..*c_attn": 18})
    read_adapter(tmp_path, base)
    layer = base.blocks[0].attention.qkv
    a = model.blocks[0].attention.qkv.a
    assert torch.equal(layer.a, torch.cat([a, a, a])) and layer.rank == 18
    torch.testing.assert_close(base(TOKENS), model(TOKENS), rtol=0, atol=1e-5)


def test_rslora_divides_alpha_by_the_square_root_of_the_rank(folder):
    model = GPT(LLAMA)
    edit(folder, use_rslora=True)
    read_adapter(folder, model)
    assert all(layer.scale == 6 / 2**0.5 for layer in lora_layers(model).values())


@pytest.mark.parametrize(
    "targets",
    ["all-linear", r".*\.(q|k|v|o|gate|up|down)_proj", ["q_proj", "v_proj", "mlp", "k_proj"]],
)
def test_targets_may_be_a_list_a_pattern_or_all(targets, tmp_path):
    model, base = pair(
        LLAMA, LoraConfig(2, targets=("q", "k", "v") if "mlp" in targets else ("all",))
    )
    write_adapter(tmp_path, model)
    edit(tmp_path, target_modules=targets)
    read_adapter(tmp_path, base)
    assert torch.equal(base(TOKENS), model(TOKENS))


def test_patterns_match_the_end_of_a_path():
    config = {"r": 2, "lora_alpha": 4, "rank_pattern": {"h.1.attn.c_attn": 8, "c_fc": 3}}
    assert rank_and_scale(config, "transformer.h.1.attn.c_attn") == (8, 0.5)
    assert rank_and_scale(config, "transformer.h.11.attn.c_attn") == (2, 2)
    assert rank_and_scale(config, "transformer.h.0.mlp.c_fc") == (3, 4 / 3)


def test_every_linear_layer_of_a_block_is_a_module_with_its_sizes():
    for shape in SHAPES.values():
        model, found = GPT(shape), {}
        for module in peft_modules(shape):
            weight = model.get_parameter(f"{module.layer}.weight")
            assert weight.shape[1] == module.n_inputs
            found[module.layer] = found.get(module.layer, 0) + module.n_outputs
        sizes = {
            name: each.out_features
            for name, each in model.named_modules()
            if isinstance(each, torch.nn.Linear)
        }
        assert found == sizes


ODD = {
    "there is no file": lambda folder: (folder / CONFIG_FILE).unlink(),
    "is not JSON": lambda folder: (folder / CONFIG_FILE).write_text("{"),
    "adapter_model.safetensors' is missing": lambda folder: (folder / TENSORS_FILE).unlink(),
    "is damaged": lambda folder: (folder / TENSORS_FILE).write_bytes(b"no tensors"),
    "has peft_type 'LOHA'": lambda folder: edit(folder, peft_type="LOHA"),
    "has peft_type None": lambda folder: edit(folder, drop=["peft_type"]),
    "has use_dora True": lambda folder: edit(folder, use_dora=True),
    "has bias 'all'": lambda folder: edit(folder, bias="all"),
    "has modules_to_save": lambda folder: edit(folder, modules_to_save=["lm_head"]),
    "has init_lora_weights 'pissa'": lambda folder: edit(folder, init_lora_weights="pissa"),
    "has layers_to_transform": lambda folder: edit(folder, layers_to_transform=[0]),
    "has something_new": lambda folder: edit(folder, something_new=3),
    "has lora_dropout 1.0; it must lie": lambda folder: edit(folder, lora_dropout=1.0),
    "has target_modules None": lambda folder: edit(folder, target_modules=None),
    "which is not a valid regular": lambda folder: edit(folder, target_modules="("),
    "has rank '2' at model": lambda folder: edit(folder, r="2"),
    "has rank 0 at model": lambda folder: edit(folder, r=0),
    "has alpha None at model": lambda folder: edit(folder, drop=["lora_alpha"]),
    "different ranks or scales": lambda folder: edit(folder, alpha_pattern={"v_proj": 2}),
    r"has shape \(2, 16\); rank 3 and this model need \(3, 16\)": (
        lambda folder: edit(folder, r=3)
    ),
    "lacks tensor 'base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight'": (
        lambda folder: edit(folder, target_modules=["q_proj", "v_proj", "down_proj", "o_proj"])
    ),
    "lacks tensor '.*1.mlp.down_proj.lora_B.weight'": lambda folder: edit_tensors(
        folder, lambda t: t.pop("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight")
    ),
    "has an unknown tensor '.*v_proj.lora_A.weight'": (
        lambda folder: edit(folder, target_modules=["q_proj", "down_proj"])
    ),
    "has an unknown tensor 'base_model.model.lm_head.lora_A.weight'": lambda folder: edit_tensors(
        folder, lambda t: t.update({"base_model.model.lm_head.lora_A.weight": torch.zeros(2, 2)})
    ),
    r"has rank_pattern \['x'\], which is not a JSON object": (
        lambda folder: edit(folder, rank_pattern=["x"])
    ),
    "names no module of this model": lambda folder: (
        edit(folder, target_modules=["c_attn"]),
        edit_tensors(folder, lambda tensors: tensors.clear()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", ODD)
def test_an_adapter_that_does_not_fit_is_refused_and_nothing_changes(message, folder):
    ODD[message](folder)
    model = GPT(LLAMA)
    with pytest.raises(BadInput, match=message):
        read_adapter(folder, model)
    assert not lora_layers(model) and all(each.requires_grad for each in model.parameters())


def test_a_header_that_does_not_fit_the_blocks_of_b_is_refused(tmp_path):
    model, base = pair(GPT2, LoraConfig(2, targets=("q", "v")))
    write_adapter(tmp_path, model)
    path = "transformer.h.0.attn.c_attn"
    with safetensors.safe_open(tmp_path / TENSORS_FILE, "pt") as file:
        header = file.metadata()
    assert header[path] == "q v"
    tensors = safetensors.torch.load_file(tmp_path / TENSORS_FILE)
    for odd in ("q k", "q", "q k v", "x v"):
        safetensors.torch.save_file(tensors, tmp_path / TENSORS_FILE, header | {path: odd})
        with pytest.raises(BadInput, match="is not (zero outside the blocks of|joined from)"):
            read_adapter(tmp_path, base)


@pytest.fixture
def written_scorer(tmp_path):
    """Write the adapter of a scorer; return its folder and the scorer."""
    model, _ = pair(LLAMA, LoraConfig(2))
    scorer = as_scorer(model)
    torch.nn.init.normal_(scorer.score.weight)
    write_adapter(tmp_path, scorer)
    return tmp_path, scorer


@pytest.mark.parametrize("saved", [["score"], ["classifier", "score"]])  # the second is peft's
def test_the_head_of_a_scorer_is_stored_with_its_adapter(saved, written_scorer):
    folder, scorer = written_scorer
    edit(folder, modules_to_save=saved)
    again = as_scorer(GPT(LLAMA))
    read_adapter(folder, again)
    assert torch.equal(again.score.weight, scorer.score.weight)
    assert json.loads((folder / CONFIG_FILE).read_text())["task_type"] == "SEQ_CLS"
    with pytest.raises(BadInput, match="has modules_to_save"):  # a GPT has no such head
        read_adapter(folder, GPT(LLAMA))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda tensors: tensors.pop(SCORE_TENSOR),
            "lacks tensor 'base_model.model.score.weight'",
        ),
        (lambda tensors: tensors.update({SCORE_TENSOR: torch.zeros(2, 16)}),
         r"score.weight' has shape \(2, 16\); this model needs \(1, 16\)"),
    ],
)  # fmt: skip
def test_a_head_that_does_not_fit_is_refused_and_nothing_changes(change, message, written_scorer):
    folder, _ = written_scorer
    edit_tensors(folder, change)
    model = as_scorer(GPT(LLAMA))
    with pytest.raises(BadInput, match=message):
        read_adapter(folder, model)
    assert not lora_layers(model) and not model.score.weight.any()


def test_a_model_with_adapters_cannot_read_others(folder):
    model, _ = pair(LLAMA, LoraConfig(2))
    with pytest.raises(BadInput, match="adapters already"):
        read_adapter(folder, model)


def test_a_model_without_adapters_or_without_a_family_is_not_written(tmp_path):
    with pytest.raises(BadInput, match="no adapters"):
        write_adapter(tmp_path / "a", GPT(LLAMA))
    model, _ = pair(GPTConfig(**vars(LLAMA) | {"positions": "alibi"}), LoraConfig(2))
    with pytest.raises(BadInput, match="no class for this arch"):
        write_adapter(tmp_path / "a", model)
    assert not (tmp_path / "a").exists()


def test_a_full_disk_leaves_no_adapter_that_can_be_read(folder, monkeypatch):
    """Whichever write fails, the folder has no config, or the complete new adapter."""
    written = files.write_atomically

    def full(path, data):
        if path.name == TENSORS_FILE:
            written(path, data)
        else:
            raise OSError("no space left")

    monkeypatch.setattr("finetune.lora.peft_files.write_atomically", full)
    model, base = pair(LLAMA, LoraConfig(4))
    with pytest.raises(OSError, match="no space"):
        write_adapter(folder, model)
    with pytest.raises(BadInput, match="there is no file"):
        read_adapter(folder, base)
