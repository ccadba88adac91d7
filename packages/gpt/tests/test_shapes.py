"""Converting between `config.json` and our config, in both directions."""

import dataclasses

import pytest

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import config_from_transformers, config_to_transformers

GPT2 = {
    "model_type": "gpt2", "vocab_size": 60, "n_positions": 24, "n_embd": 32, "n_layer": 2,
    "n_head": 4,
}  # fmt: skip
LLAMA = {
    "model_type": "llama", "vocab_size": 60, "max_position_embeddings": 24, "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
}  # fmt: skip
SIZES = {"vocab_size": 60, "context": 24, "n_layers": 2, "n_heads": 4, "d_model": 32, "d_ff": 48}
OURS_GPT2 = GPTConfig(**SIZES, positions="learned", attention_bias=True)
OURS_LLAMA = GPTConfig(
    **SIZES, norm_kind="rms", feed_forward="swiglu", ff_bias=False, n_kv_heads=4, head_width=8
)
PLAIN = ("relu", "relu2", "gelu", "gelu-erf", "silu")
GATES = ("swiglu", "geglu", "geglu-erf", "reglu")


def changed(config, **changes):
    return dataclasses.replace(config, **changes)


EXPRESSIBLE = [
    *(changed(OURS_GPT2, feed_forward=kind) for kind in PLAIN),
    changed(OURS_GPT2, tied_head=False, norm_eps=1e-3, dropout=0.2, d_ff=40),
    *(changed(OURS_LLAMA, feed_forward=kind) for kind in (*PLAIN, *GATES)),
    *(changed(OURS_LLAMA, n_kv_heads=count) for count in (1, 2)),
    *(changed(OURS_LLAMA, tied_head=tied) for tied in (True, False)),
    changed(OURS_LLAMA, attention_bias=True),
    changed(OURS_LLAMA, ff_bias=True),
    changed(OURS_LLAMA, head_width=6, rotary_base=500.0, norm_eps=1e-2),
]


@pytest.mark.parametrize("config", EXPRESSIBLE, ids=lambda c: f"{c.positions} {c.feed_forward}")
def test_a_config_survives_the_round_trip(config):
    assert config_from_transformers(config_to_transformers(config)) == config


def test_default_values_are_written_out():
    """GPT-2 has no model without biases, and Llama's config names its widths."""
    defaults = changed(OURS_LLAMA, n_kv_heads=None, head_width=None)
    assert config_from_transformers(config_to_transformers(defaults)) == OURS_LLAMA
    bare = changed(OURS_GPT2, attention_bias=False, ff_bias=False)
    assert config_from_transformers(config_to_transformers(bare)) == OURS_GPT2


def test_each_config_has_its_model_type():
    assert config_to_transformers(OURS_GPT2)["architectures"] == ["GPT2LMHeadModel"]
    assert config_to_transformers(OURS_LLAMA)["architectures"] == ["LlamaForCausalLM"]
    assert config_to_transformers(changed(OURS_LLAMA, feed_forward="relu2"))["architectures"] == [
        "ArceeForCausalLM"
    ]


def test_the_defaults_are_those_of_each_family():
    """Copied from GPT2Config, LlamaConfig and ArceeConfig of transformers 5."""
    gpt2, llama = config_from_transformers(GPT2), config_from_transformers(LLAMA)
    assert (gpt2.d_ff, gpt2.feed_forward, gpt2.norm_eps, gpt2.tied_head) == (
        128,
        "gelu",
        1e-5,
        True,
    )
    assert (llama.feed_forward, llama.norm_eps, llama.tied_head) == ("swiglu", 1e-6, False)
    assert (llama.rotary_base, llama.kv_heads, llama.d_head) == (10_000.0, 4, 8)
    assert config_from_transformers(LLAMA | {"model_type": "arcee"}).feed_forward == "relu2"


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_theta": 500.0},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
        {"rope_theta": 500.0, "rope_scaling": None},
        {"rope_theta": 500.0, "rope_scaling": {"type": "default"}},
    ],
    ids=["before 5", "from 5 on", "no scaling", "scaling by name"],
)
def test_the_base_of_the_rotation_may_be_in_two_places(rope):
    assert config_from_transformers(LLAMA | rope).rotary_base == 500.0


ROPE = {"rope_type": "llama3", "factor": 8.0}
REFUSED = {
    "unknown family": (GPT2 | {"model_type": "bloom"},
                       "models of type 'bloom' are not supported; gpt2, llama, arcee are"),
    "no family": ({}, "models of type None are not supported"),
    "stretched rotation": (LLAMA | {"rope_scaling": ROPE},
                           "this model has rope_type 'llama3'; it must be 'default'"),
    "the same from 5 on": (LLAMA | {"rope_parameters": ROPE},
                           "rope_type 'llama3'; it must be 'default'"),
    "the same of old": (LLAMA | {"rope_scaling": {"type": "linear", "factor": 2.0}},
                        "this model has type 'linear'; it must be 'default'"),
    "half a rotation": (LLAMA | {"rope_parameters": {"partial_rotary_factor": 0.5}},
                        "partial_rotary_factor 0.5; it must be 1.0"),
    "no scale": (GPT2 | {"scale_attn_weights": False},
                 "this model has scale_attn_weights False; it must be True"),
    "a scale a layer": (GPT2 | {"scale_attn_by_inverse_layer_idx": True},
                        "scale_attn_by_inverse_layer_idx True; it must be False"),
    "two streams": (GPT2 | {"add_cross_attention": True},
                    "add_cross_attention True; it must be False"),
    "activation": (GPT2 | {"activation_function": "mish"},
                   "the activation 'mish' is not supported; gelu_new, .*, swish are"),
    "gate": (LLAMA | {"hidden_act": "relu2"},
             "a gate of 'relu2' is not supported; gelu_new, .*swish are"),
    "no size": ({name: LLAMA[name] for name in LLAMA if name != "hidden_size"},
                "the config of this llama model is damaged: 'hidden_size' is missing"),
    "a size that is none": (GPT2 | {"n_layer": 0}, "n_layers must be at least 1, got 0"),
    "heads": (LLAMA | {"num_key_value_heads": 3}, "cannot share 3 key-value heads"),
}  # fmt: skip


@pytest.mark.parametrize(("theirs", "message"), REFUSED.values(), ids=REFUSED)
def test_what_our_model_cannot_be_is_refused_by_name(theirs, message):
    with pytest.raises(BadInput, match=message):
        config_from_transformers(theirs)


@pytest.mark.parametrize(
    "config",
    [
        *(changed(OURS_GPT2, positions=each) for each in ("alibi", "t5", "sinusoidal", "none")),
        changed(OURS_GPT2, norm="post"),
        changed(OURS_GPT2, head_bias=True),
        changed(OURS_GPT2, embedding_scale=True),
        changed(OURS_GPT2, norm_kind="rms"),
        changed(OURS_GPT2, feed_forward="swiglu"),
        changed(OURS_GPT2, n_kv_heads=2),
        changed(OURS_GPT2, head_width=6),
        changed(OURS_LLAMA, norm_kind="layer"),
        changed(OURS_LLAMA, norm="post"),
        changed(OURS_LLAMA, head_bias=True),
    ],
    ids=str,
)
def test_an_architecture_that_no_family_has_is_refused(config):
    with pytest.raises(BadInput, match="transformers has no class for this architecture; it has"):
        config_to_transformers(config)
