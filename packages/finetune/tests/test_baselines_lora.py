"""LoRA compared with peft: the same adapters on the same weights."""

import json

import pytest
import torch

pytest.importorskip("peft", reason="baselines: needs the extra baselines")

from finetune.comparison.lora_rows import adapter_file_rows, compared_models, lora_differences
from finetune.lora import baselines
from finetune.lora.inject import LoraConfig, lora_layers
from finetune.lora.peft_files import CONFIG_FILE, read_adapter, write_adapter
from gpt.errors import BadInput
from gpt.pretrained.folders import read_model, write_model

pytestmark = pytest.mark.baselines
FAMILIES = pytest.mark.parametrize("family", ["gpt2", "llama"])
EXACT = {"rtol": 0, "atol": 1e-9}  # float64; peft's claim and ours is 1e-6


@FAMILIES
@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(1, 1.0),
        LoraConfig(2, 16.0, ("q",)),
        LoraConfig(3, 5.0, ("k", "v", "down")),
        LoraConfig(4, 8.0, ("q", "v")),
        LoraConfig(8, 4.0, ("o", "up")),
        LoraConfig(64, 16.0, ("all",)),
    ],
    ids=lambda config: f"{config.rank}-{config.alpha:g}-{'+'.join(config.targets)}",
)
def test_forward_gradients_five_steps_and_merging_are_those_of_peft(family, config):
    models = compared_models(family, config)
    tokens = torch.randint(0, 96, (2, 12))
    assert (models.ours(tokens) - models.base(tokens)).abs().max() > 0.001
    found = lora_differences(models)
    assert max(found.values()) < 1e-9, found


@FAMILIES
def test_adapter_files_go_both_ways(family):
    rows = adapter_file_rows(family)
    assert len(rows) == 2
    for row in rows:
        assert row.is_equal and row.max_abs_diff < 1e-9, row


SECOND_BLOCK = {"gpt2": r".*\.1\..*c_(attn|proj)", "llama": r".*\.1\..*_proj"}
RANKS = {"gpt2": {r"mlp.c_(proj|none)": 2}, "llama": {r"mlp.(down|none)_proj": 2}}
ALPHAS = {"gpt2": {"h.1.mlp.c_fc": 9}, "llama": {"layers.0.mlp.up_proj": 9}}


@FAMILIES
@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "all-linear"},
        {"target_modules": "all-linear", "use_rslora": True},
        {"target_modules": SECOND_BLOCK},
        {"target_modules": "all-linear", "init_lora_weights": "gaussian", "lora_dropout": 0.1},
        {"target_modules": "all-linear", "rank_pattern": RANKS, "alpha_pattern": ALPHAS},
    ],
    ids=["all", "rslora", "pattern", "dropout", "ranks"],
)
def test_adapters_written_by_peft_are_read(family, settings, tmp_path):
    settings = {
        name: value[family] if isinstance(value, dict) else value
        for name, value in settings.items()
    }
    base = compared_models(family, LoraConfig(1)).base
    write_model(tmp_path / "model", base, end_of_text=0)
    settings = settings | {"r": 4, "lora_alpha": 6, "fan_in_fan_out": family == "gpt2"}
    theirs = baselines.write_peft_adapter(tmp_path / "model", tmp_path / "adapter", **settings)
    ours = read_model(tmp_path / "model").eval()
    read_adapter(tmp_path / "adapter", ours)
    tokens = torch.randint(0, 96, (2, 12))
    expected = theirs(tokens).logits
    assert (expected - base(tokens)).abs().max() > 0.01
    torch.testing.assert_close(ours(tokens), expected, **EXACT)
    write_adapter(tmp_path / "again", ours)
    again = baselines.load_peft_adapter(
        baselines.load_causal_lm(tmp_path / "model"), tmp_path / "again"
    )
    torch.testing.assert_close(again(tokens).logits, expected, **EXACT)


@FAMILIES
def test_settings_that_peft_adds_to_our_config_do_not_stop_us_from_reading_it(family, tmp_path):
    """peft opens our adapter and saves it with more settings; we still read it."""
    base, ours, _ = compared_models(family, LoraConfig(2, 6.0))
    write_model(tmp_path / "model", base, end_of_text=0)
    write_adapter(tmp_path / "ours", ours)
    theirs = baselines.load_peft_adapter(
        baselines.load_causal_lm(tmp_path / "model"), tmp_path / "ours"
    )
    theirs.save_pretrained(str(tmp_path / "theirs"))
    saved = [json.loads((tmp_path / each / CONFIG_FILE).read_text()) for each in ("ours", "theirs")]
    assert saved[0].keys() < saved[1].keys()
    twin = read_model(tmp_path / "model").eval()
    read_adapter(tmp_path / "theirs", twin)
    tokens = torch.randint(0, 96, (2, 12))
    torch.testing.assert_close(twin(tokens), ours(tokens), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings(  # peft warns about its own `lora_bias`
    "ignore:`lora_bias=True` was passed", "ignore:Adapter 'default'"
)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_dora": True}, "use_dora True"),
        ({"bias": "all"}, "bias 'all'"),
        ({"lora_bias": True}, "lora_bias True"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"layers_to_transform": [0]}, "layers_to_transform"),
        ({"rank_pattern": {"q_proj": 2}}, "different ranks"),
    ],
)
def test_settings_that_we_cannot_honour_are_refused_by_name(settings, message, tmp_path):
    base = compared_models("llama", LoraConfig(1)).base
    write_model(tmp_path / "model", base, end_of_text=0)
    settings = {"r": 4, "target_modules": ["q_proj", "v_proj"]} | settings
    baselines.write_peft_adapter(tmp_path / "model", tmp_path / "adapter", **settings)
    model = read_model(tmp_path / "model")
    with pytest.raises(BadInput, match=message):
        read_adapter(tmp_path / "adapter", model)
    assert not lora_layers(model)
