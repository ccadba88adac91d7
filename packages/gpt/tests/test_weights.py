"""Names, transposed matrices and stacked projections, between our tensors and transformers."""

import dataclasses

import pytest
import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.weights import weights_from_transformers, weights_to_transformers

SIZES = {"vocab_size": 11, "context": 8, "n_layers": 1, "n_heads": 4, "d_model": 8, "d_ff": 6}
RMS = {"norm_kind": "rms", "ff_bias": False, "tied_head": False}
GPT2 = GPTConfig(**SIZES, positions="learned", attention_bias=True)
LLAMA = GPTConfig(**SIZES, **RMS, feed_forward="swiglu", n_kv_heads=2)
ARCEE = GPTConfig(**SIZES, **RMS, feed_forward="relu2", n_kv_heads=2)


def tensors(config):
    """Random numbers in every tensor, so that no two are equal."""
    return {name: torch.randn_like(each) for name, each in GPT(config).state_dict().items()}


def test_the_names_and_shapes_of_gpt2_written_out():
    block = {
        "ln_1.weight": (8,), "ln_1.bias": (8,), "ln_2.weight": (8,), "ln_2.bias": (8,),
        "attn.c_attn.weight": (8, 24), "attn.c_attn.bias": (24,),
        "attn.c_proj.weight": (8, 8), "attn.c_proj.bias": (8,),
        "mlp.c_fc.weight": (8, 6), "mlp.c_fc.bias": (6,),
        "mlp.c_proj.weight": (6, 8), "mlp.c_proj.bias": (8,),
    }  # fmt: skip
    rest = {"wte.weight": (11, 8), "wpe.weight": (8, 8), "ln_f.weight": (8,), "ln_f.bias": (8,)}
    expected = {f"h.0.{name}": shape for name, shape in block.items()} | rest
    theirs = weights_to_transformers(tensors(GPT2), GPT2)
    found = {name: tuple(each.shape) for name, each in theirs.items()}
    assert found == {f"transformer.{name}": shape for name, shape in expected.items()}


def test_the_names_and_shapes_of_llama_written_out():
    block = {
        "self_attn.q_proj.weight": (8, 8), "self_attn.k_proj.weight": (4, 8),
        "self_attn.v_proj.weight": (4, 8), "self_attn.o_proj.weight": (8, 8),
        "mlp.gate_proj.weight": (6, 8), "mlp.up_proj.weight": (6, 8),
        "mlp.down_proj.weight": (8, 6),
        "input_layernorm.weight": (8,), "post_attention_layernorm.weight": (8,),
    }  # fmt: skip
    expected = {f"model.layers.0.{name}": shape for name, shape in block.items()}
    expected |= {"model.embed_tokens.weight": (11, 8), "model.norm.weight": (8,)}
    theirs = weights_to_transformers(tensors(LLAMA), LLAMA)
    found = {name: tuple(each.shape) for name, each in theirs.items()}
    assert found == expected | {"lm_head.weight": (11, 8)}
    arcee = weights_to_transformers(tensors(ARCEE), ARCEE)
    assert theirs.keys() - arcee.keys() == {"model.layers.0.mlp.gate_proj.weight"}


def test_gpt2_keeps_its_matrices_transposed():
    ours = tensors(GPT2)
    theirs = weights_to_transformers(ours, GPT2)
    stored = theirs["transformer.h.0.attn.c_attn.weight"]
    assert torch.equal(stored, ours["blocks.0.attention.qkv.weight"].T)
    assert torch.equal(theirs["transformer.wte.weight"], ours["embedding.weight"])
    assert all(each.is_contiguous() for each in theirs.values())


def test_llama_has_separate_projections_where_ours_are_stacked():
    ours = tensors(LLAMA)
    theirs = weights_to_transformers(ours, LLAMA)
    qkv = ours["blocks.0.attention.qkv.weight"]
    for name, part in {
        "self_attn.q_proj": qkv[:8],
        "self_attn.k_proj": qkv[8:12],
        "self_attn.v_proj": qkv[12:],
        "mlp.gate_proj": ours["blocks.0.mlp.gate.weight"],
        "mlp.up_proj": ours["blocks.0.mlp.up.weight"],
    }.items():
        assert torch.equal(theirs[f"model.layers.0.{name}.weight"], part), name


@pytest.mark.parametrize("config", [GPT2, LLAMA, ARCEE], ids=["gpt2", "llama", "arcee"])
def test_every_tensor_survives_the_round_trip(config):
    ours = tensors(config)
    back = weights_from_transformers(weights_to_transformers(ours, config), config)
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[name], ours[name]) for name in ours)


def test_biases_that_only_gpt2_has_are_zeros():
    bare = dataclasses.replace(GPT2, attention_bias=False, ff_bias=False)
    theirs = weights_to_transformers(tensors(bare), bare)
    assert theirs.keys() == weights_to_transformers(tensors(GPT2), GPT2).keys()
    biases = [f"transformer.h.0.{name}.bias" for name in ("attn.c_attn", "mlp.c_fc")]
    assert [theirs[name].tolist() for name in biases] == [[0.0] * 24, [0.0] * 6]


def test_the_first_gpt2_files_have_no_prefix_and_carry_buffers():
    ours = tensors(GPT2)
    theirs = weights_to_transformers(ours, GPT2)
    old = {name.removeprefix("transformer."): each for name, each in theirs.items()}
    old["h.0.attn.bias"] = torch.ones(1, 1, 8, 8).tril()
    old["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    read = weights_from_transformers(old, GPT2)
    assert read.keys() == ours.keys()
    assert all(torch.equal(read[name], ours[name]) for name in ours)


def test_a_stored_head_that_is_tied_to_the_embedding_is_ignored():
    theirs = weights_to_transformers(tensors(GPT2), GPT2)
    assert weights_from_transformers(
        theirs | {"lm_head.weight": theirs["transformer.wte.weight"]}, GPT2
    )


def test_a_missing_and_an_unknown_tensor_are_named():
    theirs = weights_to_transformers(tensors(LLAMA), LLAMA)
    with pytest.raises(BadInput, match="checkpoint has an unknown tensor 'layers.0.self_attn.q_n"):
        weights_from_transformers(
            theirs | {"model.layers.0.self_attn.q_norm.weight": torch.ones(8)}, LLAMA
        )
    del theirs["model.layers.0.mlp.up_proj.weight"]
    with pytest.raises(BadInput, match="checkpoint misses tensor 'layers.0.mlp.up_proj.weight'"):
        weights_from_transformers(theirs, LLAMA)
    untied = weights_to_transformers(tensors(LLAMA), LLAMA)
    del untied["lm_head.weight"]
    with pytest.raises(BadInput, match="misses tensor 'lm_head.weight'"):
        weights_from_transformers(untied, LLAMA)
