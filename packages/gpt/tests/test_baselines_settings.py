"""Every setting that transformers reads in a model folder is used in the same way or refused.

Each table below gives another value than the usual one for every setting, and a test walks it. A
setting that a new version of the library adds fails the first test of its file.
"""

import dataclasses
import json

import pytest
import torch

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from gpt.errors import BadInput
from gpt.generation.generate import generate
from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.folders import from_transformers, read_model, write_model
from gpt.pretrained.generation import generation_settings, sampling_defaults
from gpt.pretrained.loading import load_pretrained
from gpt.pretrained.settings import CONFIG, GENERATION, TOKENIZER
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.pretrained_tokenizer import AddedToken
from gpt.text.tokenizer_export import to_pretrained_tokenizer, write_hugging_face_tokenizer
from gpt.text.tokenizer_json import read_hugging_face_tokenizer
from gpt.text.tokenizers import decode, end_tokens

pytestmark = pytest.mark.baselines

ANY = {
    "architectures": ["Other"], "chunk_size_feed_forward": 4, "dtype": "float64",
    "id2label": {"0": "a"}, "label2id": {"a": 0}, "problem_type": "regression",
    "return_dict": True, "output_hidden_states": False, "output_attentions": False,
    "is_encoder_decoder": True, "initializer_range": 0.5, "use_cache": False, "pad_token_id": 3,
    "bos_token_id": 4, "eos_token_id": [5, 6], "transformers_version": "4.0.0",
    "_name_or_path": "elsewhere", "model_type": "bloom", "vocab_size": 41,
    "tie_word_embeddings": False,
}  # fmt: skip
OTHER_LLAMA = ANY | {
    "hidden_size": 24, "intermediate_size": 17, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "hidden_act": "gelu", "max_position_embeddings": 20,
    "rms_norm_eps": 0.1, "rope_parameters": {"rope_theta": 50.0, "rope_type": "default"},
    "attention_bias": True, "attention_dropout": 0.5, "mlp_bias": True, "head_dim": 8,
    "pretraining_tp": 2,
    # known to older versions or other programs
    "rope_theta": 20.0, "rope_scaling": {"type": "linear", "factor": 2.0},
    "partial_rotary_factor": 0.5, "quantization_config": {"quant_method": "fp8"},
    "rope_interleaved": True, "sliding_window": 4, "logits_scaling": 2.0,
}  # fmt: skip
OTHER_GPT2 = ANY | {
    "n_positions": 20, "n_embd": 24, "n_layer": 2, "n_head": 2, "n_inner": 30,
    "activation_function": "relu", "resid_pdrop": 0.5, "embd_pdrop": 0.5, "attn_pdrop": 0.5,
    "layer_norm_epsilon": 0.1, "summary_type": "mean", "summary_use_proj": False,
    "summary_activation": "tanh", "summary_proj_to_labels": False, "summary_first_dropout": 0.5,
    "scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True,
    "reorder_and_upcast_attn": True, "add_cross_attention": True, "n_ctx": 7,
    "quantization_config": {"quant_method": "fp8"}, "pruned_heads": {"0": [1]},
}  # fmt: skip
OTHER = {"gpt2": OTHER_GPT2, "llama": OTHER_LLAMA, "arcee": OTHER_LLAMA}
SMALL = {
    "gpt2": {"vocab_size": 40, "n_positions": 16, "n_embd": 16, "n_layer": 1, "n_head": 4,
             "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
             "bos_token_id": 0, "eos_token_id": 0},
    "llama": {"vocab_size": 40, "max_position_embeddings": 16, "hidden_size": 16,
              "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 4,
              "num_key_value_heads": 2, "head_dim": 4, "bos_token_id": 0, "eos_token_id": 0},
}  # fmt: skip
SMALL["arcee"] = SMALL["llama"]
REFUSED = {
    "gpt2": {"is_encoder_decoder", "embd_pdrop", "attn_pdrop", "resid_pdrop", "model_type",
             "scale_attn_weights", "scale_attn_by_inverse_layer_idx", "add_cross_attention",
             "quantization_config", "pruned_heads"},
    "llama": {"is_encoder_decoder", "attention_dropout", "partial_rotary_factor", "rope_scaling",
              "quantization_config", "rope_interleaved", "sliding_window", "logits_scaling",
              "model_type"},
}  # fmt: skip
REFUSED["arcee"] = REFUSED["llama"]


def with_weights(config):
    """A model of the library whose weights are all random."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("family", OTHER)
def test_the_table_has_every_setting_of_a_model(family):
    settings = AutoConfig.for_model(family).to_dict().keys()
    assert settings <= OTHER[family].keys()
    table = CONFIG[family]
    assert settings <= table.used | table.fixed.keys() | table.without_effect
    assert not table.used & table.fixed.keys() and not table.without_effect & table.used


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family, other in OTHER.items() for name in other]
)
def test_a_setting_of_a_model_means_what_it_means_in_the_library_or_is_refused(family, name):
    config = SMALL[family] | {name: OTHER[family][name]}
    content = {"model_type": family, **config}
    if name in REFUSED[family]:
        with pytest.raises(BadInput, match=str(OTHER[family][name])[:6].strip("{'[")):
            from_transformers(content, {})
        return
    if name in ("n_embd", "hidden_size"):  # which also changes the size of the heads
        config.pop("head_dim", None)
        content.pop("head_dim", None)
    library = with_weights(AutoConfig.for_model(family, **config))
    weights = {key: tensor.clone() for key, tensor in library.state_dict().items()}
    ours = from_transformers(content, weights).eval()
    tokens = torch.arange(24)[None, : min(ours.config.context, 16)] % ours.config.vocab_size
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), library(tokens).logits, atol=1e-5, rtol=1e-5)


def test_a_head_that_differs_from_the_embedding_stays_as_in_the_library(tmp_path):
    """`tie_word_embeddings` says that both are the same, but the weights differ."""
    for family in SMALL:
        folder = tmp_path / family
        config = AutoConfig.for_model(family, **SMALL[family], tie_word_embeddings=False)
        with_weights(config).save_pretrained(folder)
        content = json.loads((folder / "config.json").read_text())
        content["tie_word_embeddings"] = True
        (folder / "config.json").write_text(json.dumps(content))
        library, ours = AutoModelForCausalLM.from_pretrained(folder).eval(), read_model(folder)
        assert not ours.config.tied_head
        tokens = torch.arange(16)[None]
        with torch.no_grad():
            torch.testing.assert_close(ours.eval()(tokens), library(tokens).logits)


GENERATED = {
    "max_length": 9, "max_new_tokens": 5, "min_length": 5, "min_new_tokens": 5,
    "early_stopping": True, "max_time": 9.0, "stop_strings": ["a"], "do_sample": True,
    "num_beams": 2, "use_mtp": True, "use_cache": False, "cache_implementation": "static",
    "cache_config": {"a": 1}, "max_cache_len": 9, "temperature": 0.5, "top_k": 5, "top_p": 0.5,
    "min_p": 0.1, "top_h": 0.5, "typical_p": 0.5, "epsilon_cutoff": 0.1, "eta_cutoff": 0.1,
    "repetition_penalty": 1.5, "encoder_repetition_penalty": 1.5, "length_penalty": 2.0,
    "no_repeat_ngram_size": 2, "bad_words_ids": [[3]], "renormalize_logits": True,
    "forced_bos_token_id": 3, "forced_eos_token_id": 3, "remove_invalid_values": True,
    "exponential_decay_length_penalty": [1, 1.1], "suppress_tokens": [3],
    "begin_suppress_tokens": [3], "sequence_bias": {"3": 1.0}, "token_healing": True,
    "guidance_scale": 2.0, "watermarking_config": {"a": 1}, "num_return_sequences": 2,
    "output_attentions": True, "output_hidden_states": True, "output_scores": True,
    "output_logits": True, "return_dict_in_generate": True, "pad_token_id": 3, "bos_token_id": 3,
    "eos_token_id": [3, 4], "encoder_no_repeat_ngram_size": 2, "decoder_start_token_id": 3,
    "is_assistant": True, "num_assistant_tokens": 9, "num_assistant_tokens_schedule": "heuristic",
    "assistant_confidence_threshold": 0.9, "prompt_lookup_num_tokens": 3,
    "max_matching_ngram_size": 3, "assistant_early_exit": 1, "assistant_lookbehind": 3,
    "target_lookbehind": 3, "assistant_ensemble_weight": 0.5, "speculation_type": "a",
    "compile_config": {"a": 1}, "disable_compile": True, "continuous_batching_config": {"a": 1},
    "low_memory": True, "penalty_alpha": 0.5, "dola_layers": "low", "diversity_penalty": 0.5,
    "num_beam_groups": 2, "constraints": [1], "force_words_ids": [[1]], "prefill_chunk_size": 4,
    "_from_model_config": True, "transformers_version": "4.0.0",
}  # fmt: skip


def test_the_table_has_every_setting_of_generation():
    settings = GenerationConfig().to_dict().keys()
    assert settings <= GENERATED.keys()
    known = GENERATION.used | GENERATION.fixed.keys() | GENERATION.without_effect
    assert settings <= known


@pytest.mark.parametrize("name", GENERATED)
def test_a_setting_of_generation_is_used_or_refused(name, tmp_path):
    (tmp_path / "generation_config.json").write_text(json.dumps({name: GENERATED[name]}))
    if name in GENERATION.fixed:
        with pytest.raises(BadInput, match=rf"generation_config.json has {name} "):
            generation_settings(tmp_path)
    else:
        assert generation_settings(tmp_path) == {name: GENERATED[name]}


@pytest.mark.parametrize("given", [{}, {"temperature": 0.6, "top_p": 0.9}, {"top_k": 0}])
def test_sampling_settings_that_are_not_given_are_those_of_the_library(given, tmp_path):
    (tmp_path / "generation_config.json").write_text(json.dumps({"do_sample": True, **given}))
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **SMALL["llama"]))
    model.generation_config = GenerationConfig.from_pretrained(tmp_path)
    theirs, _ = model._prepare_generation_config(None)
    assert sampling_defaults(tmp_path) == (theirs.temperature, theirs.top_k, theirs.top_p)


@pytest.mark.parametrize(
    "scaling",
    [
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 16},
        {"rope_type": "default", "rope_theta": 500_000.0},
    ],
)  # fmt: skip
def test_two_descriptions_of_the_rotation_must_agree(scaling):
    content = {"model_type": "llama", **SMALL["llama"]}
    content["rope_parameters"] = {"rope_type": "default", "rope_theta": 10_000.0}
    with pytest.raises(
        BadInput, match=r"rope_type 'llama3'; it must be|remove the one that is wro"
    ):
        from_transformers(content | {"rope_scaling": scaling}, {})


PUBLISHED = {
    "gpt2": {"n_ctx": 16, "n_special": 0, "_num_labels": 1, "output_past": True,
             "predict_special_tokens": True, "summary_type": "cls_index", "use_bfloat16": False,
             "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}}},
    "llama": {"is_llama_config": True, "rope_interleaved": False, "pretraining_tp": 1,
              "rope_scaling": None, "torch_dtype": "bfloat16", "max_length": 50,
              "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}},
}  # fmt: skip


@pytest.mark.parametrize("family", PUBLISHED)
def test_settings_without_effect_in_published_models_are_accepted(family):
    library = with_weights(AutoConfig.for_model(family, **SMALL[family]))
    weights = {key: tensor.clone() for key, tensor in library.state_dict().items()}
    content = {"model_type": family, **SMALL[family], **PUBLISHED[family]}
    ours, tokens = from_transformers(content, weights).eval(), torch.arange(16)[None]
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), library(tokens).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(GENERATION.fixed.keys() & GENERATED.keys()))
def test_the_value_that_is_accepted_is_the_default_of_the_library(name):
    default = GenerationConfig._get_default_generation_params().get(name)
    assert default in (None, *GENERATION.fixed[name])


OWN = BytePairTokenizer.train(
    ["The list of items: 1, 22, 333.\n\tIt's naïve 日本語 😀!\n" * 4], 320
)
PLAIN = to_pretrained_tokenizer(OWN)
PLAIN = dataclasses.replace(
    PLAIN, added=[*PLAIN.added, AddedToken(OWN.vocab_size, "<tool>", special=False)]
)
NEXT = OWN.vocab_size + 1
NEW = {"content": "<|new|>", "special": True}
TOKENIZERS = {
    "bos_token": "<|new|>", "eos_token": "<tool>", "unk_token": "<|new|>", "sep_token": "<|new|>",
    "pad_token": "the", "cls_token": "x",
    "mask_token": {"__type": "AddedToken", "content": "<|new|>", "lstrip": True},
    "image_token": "<|new|>", "model_max_length": 3, "padding_side": "left",
    "truncation_side": "left", "model_input_names": ["input_ids"],
    "clean_up_tokenization_spaces": True, "split_special_tokens": True, "add_bos_token": True,
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": True,
    "add_eos_token": True, "add_prefix_space": True, "errors": "strict", "legacy": True,
    "spaces_between_special_tokens": True, "extra_special_tokens": ["<|new|>", "<tool>"],
    "additional_special_tokens": ["<|new|>"], "chat_template": "Hi", "name_or_path": "elsewhere",
    "added_tokens_decoder": {str(NEXT): NEW}, "response_template": "a",
    "chat_control_tokens": ["<tool>"], "backend": "tokenizers", "max_length": 3, "stride": 1,
    "auto_map": {"AutoTokenizer": ["a.B", None]}, "vocab_size": 5,
}  # fmt: skip
TOKENIZER_REFUSED = TOKENIZER.fixed.keys()
FILES = {
    "a template of its own": {
        "chat_template.jinja": "Hi",
        "tokenizer_config.json": {"chat_template": [{"name": "default", "template": "no"}]},
    },
    "added_tokens.json": {"added_tokens.json": {"<|new|>": NEXT}},
    "an older token that is special": {
        "added_tokens.json": {"<|new|>": NEXT},
        "special_tokens_map.json": {"additional_special_tokens": ["<|new|>"]},
    },
    "other special tokens": {"special_tokens_map.json": {"eos_token": "<tool>"}},
    "a special token as an object": {
        "special_tokens_map.json": {"pad_token": {"content": "<|new|>", "rstrip": True}}
    },
    "older files that the config replaces": {
        "added_tokens.json": {"<|new|>": NEXT},
        "special_tokens_map.json": {"eos_token": "<tool>"},
        "tokenizer_config.json": {"added_tokens_decoder": {}, "eos_token": "<|endoftext|>"},
    },
    "a known token that strips": {
        "tokenizer_config.json": {
            "added_tokens_decoder": {str(NEXT - 1): {"content": "<tool>", "lstrip": True}},
            "eos_token": "<|endoftext|>",
        }
    },
    "special tokens in any order": {
        "tokenizer_config.json": {
            "image_token": "<|new|>", "mask_token": "<|mask|>", "eos_token": "<|endoftext|>",
            "extra_special_tokens": {"a": "<a>"}, "additional_special_tokens": ["<b>"],
        }
    },
    "a list of each file": {
        "special_tokens_map.json": {"additional_special_tokens": ["<|new|>"]},
        "tokenizer_config.json": {
            "eos_token": "<|endoftext|>", "additional_special_tokens": ["<|mask|>"],
        },
    },
}  # fmt: skip
TEXTS = [
    "the list", " the 12 items", "a <|new|> b <tool> c<|endoftext|>", "x<|new|>", "it 's . !",
    "<|mask|>a <|new|> \n<|mask|>", "list of items 333 x", "  lead  <tool>  trail", "<a><b> <a>",
]  # fmt: skip


def folder_of(tmp_path, files):
    """A folder with a tokenizer, whose files are changed."""
    write_hugging_face_tokenizer(PLAIN, tmp_path)
    for name, content in files.items():
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content)
            continue
        before = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps(before | content))
    return tmp_path


def assert_the_library_reads_the_same(folder):
    ours, library = read_hugging_face_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        ids = library(text, add_special_tokens=False).input_ids
        assert ours.encode_with_specials(text) == ids, text
        assert decode(ours, ids) == library.decode(ids), text
        plain = library(text, add_special_tokens=False, split_special_tokens=True).input_ids
        assert ours.encode(text) == plain, text
        assert library(text).input_ids == ours.prefix + ids
    assert ours.roles == library.special_tokens_map
    assert ours.end_of_text == library.eos_token_id
    assert ours.chat_template == library.chat_template


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_setting_of_a_tokenizer_means_what_it_means_in_the_library_or_is_refused(name, tmp_path):
    folder = folder_of(tmp_path, {"tokenizer_config.json": {name: TOKENIZERS[name]}})
    if name in TOKENIZER_REFUSED:
        with pytest.raises(BadInput, match=rf"tokenizer_config.json has {name} "):
            read_hugging_face_tokenizer(folder)
    else:
        assert_the_library_reads_the_same(folder)


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_added_tokens_of_every_file_are_those_of_the_library(files, tmp_path):
    folder = folder_of(tmp_path, files)
    assert_the_library_reads_the_same(folder)
    write_hugging_face_tokenizer(read_hugging_face_tokenizer(folder), folder / "again")
    assert_the_library_reads_the_same(folder / "again")


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer_config.json": {"added_tokens_decoder": {"400": NEW}}},
        {"added_tokens.json": {"<|new|>": 400}},
        {"tokenizer.json": {"added_tokens": [{"id": 400, "content": "<|new|>", "special": True}]}},
    ],
    ids=["decoder", "older file", "tokenizer.json"],
)
def test_an_id_that_the_library_would_not_give_is_refused(files, tmp_path):
    with pytest.raises(BadInput, match="listed with id 400, but transformers would give"):
        read_hugging_face_tokenizer(folder_of(tmp_path, files))


SHAPE = {"n_layers": 1, "n_heads": 2, "d_model": 16, "d_ff": 16, "context": 32}


def model_that_counts(vocab_size):
    """A model whose greedy token is the id after the last one: 0, 1, 2, ..."""
    model = GPT(GPTConfig(vocab_size=vocab_size, **SHAPE | {"d_model": vocab_size, "n_heads": 1},
                          positions="learned", attention_bias=True, tied_head=False))  # fmt: skip
    for parameter in model.parameters():
        parameter.data.zero_()
    model.final_norm.gain.data.fill_(1.0)
    model.embedding.weight.data.copy_(torch.eye(vocab_size))
    model.head.data.copy_(torch.eye(vocab_size).roll(1, dims=0))
    return model.eval()


@pytest.mark.parametrize("place", ["both", "generation_config.json", "config.json"])
def test_generation_stops_at_each_end_that_the_files_name_as_in_the_library(place, tmp_path):
    tokenizer = to_pretrained_tokenizer(BytePairTokenizer.train(["a b"], 257))
    model = model_that_counts(tokenizer.vocab_size)
    write_hugging_face_tokenizer(tokenizer, tmp_path)
    write_model(tmp_path, model, [50, 60])
    for name in {"config.json", "generation_config.json"} - {place} if place != "both" else ():
        content = json.loads((tmp_path / name).read_text())
        content["eos_token_id"] = 256
        (tmp_path / name).write_text(json.dumps(content))
    if place == "config.json":
        (tmp_path / "generation_config.json").unlink()
    library = AutoModelForCausalLM.from_pretrained(tmp_path)
    ours, read = load_pretrained(str(tmp_path))
    assert read.end_ids == [50, 60]
    for start in (45, 55):
        theirs = library.generate(torch.tensor([[start]]), max_new_tokens=20, pad_token_id=0)
        expected = theirs[0, 1:].tolist()
        assert expected[-1] in (50, 60)
        assert [*generate(ours, [start], 20, stop_tokens=end_tokens(read))] == expected[:-1]
