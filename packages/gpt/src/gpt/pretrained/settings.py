"""Settings in the JSON files of a model folder: which ones we use, ignore or refuse.

transformers reads `config.json`, `generation_config.json` and `tokenizer_config.json`. Ignoring a
setting that our model does not have could change its results silently. Each file therefore has a
table here, and a setting that is not in the table is refused by name.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gpt.errors import BadInput


class Settings(NamedTuple):
    """The accepted settings of one file."""

    used: frozenset[str]
    """Settings that this package reads."""
    fixed: Mapping[str, tuple[Any, ...]]
    """Settings that our model does not have, with the values that mean what it does instead."""
    without_effect: frozenset[str]
    """Settings that change neither the model nor the tokens."""

    def check(self, content: Mapping[str, Any], where: str) -> None:
        """Refuse a setting that is not supported; null means the default everywhere.

        Args:
            content: the settings by name.
            where: the file, for the error message.

        Raises:
            BadInput: a setting is unknown, or has a value that is not listed in `fixed`.
        """
        for name in sorted(content, key=lambda name: name not in self.fixed):
            value = content[name]
            if value is None or name in self.used or name in self.without_effect:
                continue
            if name not in self.fixed:
                raise BadInput(
                    f"{where} has the setting {name} {value!r:.60}, which is not supported; "
                    "if it has no effect, remove it from the file"
                )
            if value not in self.fixed[name]:
                accepted = " or ".join(map(repr, self.fixed[name]))
                rule = f"it must be {accepted}" if accepted else "this setting is not supported"
                raise BadInput(f"{where} has {name} {value!r:.60}; {rule}")


def split_names(text: str) -> frozenset[str]:
    """Split a text into names."""
    return frozenset(text.split())


def accepted_values(*rows: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """Return the accepted values by name, from rows of names followed by their accepted values."""
    return {name: tuple(values) for names, *values in rows for name in names.split()}


# Losses, outputs and files of the library, and the precision, which --precision decides.
BOOKKEEPING = split_names(
    "_attn_implementation _attn_implementation_autoset _commit_hash _from_model_config "
    "_name_or_path _num_labels architectures attn_implementation chunk_size_feed_forward dtype "
    "finetuning_task gradient_checkpointing id2label initializer_range label2id num_labels "
    "max_sequence_length output_attentions output_hidden_states output_past pad_token_id prefix "
    "pretraining_tp problem_type return_dict sep_token_id task_specific_params tf_legacy_loss "
    "tie_encoder_decoder tokenizer_class torch_dtype torchscript transformers.js_config "
    "transformers_version unsloth_fixed unsloth_version use_bfloat16 use_cache xla_device"
)
DECODER = accepted_values(
    ("auto_map quantization_config",),
    ("add_cross_attention is_encoder_decoder", False),
    ("is_decoder", False, True),  # our model is causal in both cases
    ("pruned_heads", {}),
)
SHARED_SETTINGS = split_names("bos_token_id eos_token_id model_type tie_word_embeddings vocab_size")
GPT2_SETTINGS = Settings(
    used=SHARED_SETTINGS
    | split_names(
        "activation_function attn_pdrop embd_pdrop layer_norm_epsilon n_embd n_head n_inner "
        "n_layer n_positions resid_pdrop"
    ),
    fixed=DECODER
    | accepted_values(("scale_attn_weights", True), ("scale_attn_by_inverse_layer_idx", False)),
    # `n_ctx` repeats `n_positions`, only classifiers use a summary, and only fp16 needs upcasting
    without_effect=BOOKKEEPING
    | split_names(
        "n_ctx n_special predict_special_tokens reorder_and_upcast_attn summary_activation "
        "summary_first_dropout summary_proj_to_labels summary_type summary_use_proj"
    ),
)
LLAMA_SETTINGS = Settings(
    used=SHARED_SETTINGS
    | split_names(
        "attention_bias head_dim hidden_act hidden_size intermediate_size max_position_embeddings "
        "mlp_bias num_attention_heads num_hidden_layers num_key_value_heads rms_norm_eps "
        "rope_parameters rope_scaling rope_theta"
    ),
    # our dropout applies to the output of a layer, not to attention weights
    fixed=DECODER
    | accepted_values(
        ("attention_dropout", 0.0), ("partial_rotary_factor", 1.0), ("rope_interleaved", False)
    ),
    without_effect=BOOKKEEPING | split_names("is_llama_config"),
)
CONFIG = {"gpt2": GPT2_SETTINGS, "llama": LLAMA_SETTINGS, "arcee": LLAMA_SETTINGS}
ROTATION = Settings(
    used=split_names("rope_theta"),
    # `type` is the name in older files
    fixed=accepted_values(("rope_type type", "default"), ("partial_rotary_factor", 1.0)),
    without_effect=frozenset(),
)

# Lengths, batches and speed are chosen by the caller, so their settings have no effect.
GENERATION = Settings(
    used=split_names("do_sample eos_token_id temperature top_k top_p"),
    fixed=accepted_values(
        (
            "assistant_early_exit dola_layers exponential_decay_length_penalty "
            "forced_bos_token_id forced_eos_token_id top_h watermarking_config",
        ),
        ("is_assistant token_healing use_mtp", False),
        ("encoder_no_repeat_ngram_size min_length min_new_tokens no_repeat_ngram_size", 0),
        ("diversity_penalty epsilon_cutoff eta_cutoff min_p penalty_alpha", 0.0),
        ("num_beam_groups num_beams num_return_sequences", 1),
        ("encoder_repetition_penalty guidance_scale repetition_penalty typical_p", 1.0),
        ("bad_words_ids begin_suppress_tokens constraints force_words_ids", []),
        ("stop_strings suppress_tokens", []),
        ("sequence_bias", {}),
    ),
    without_effect=split_names(
        "_from_model_config assistant_confidence_threshold assistant_ensemble_weight "
        "assistant_lookbehind bos_token_id cache_config cache_implementation compile_config "
        "continuous_batching_config decoder_start_token_id disable_compile early_stopping "
        "length_penalty low_memory max_cache_len max_length max_matching_ngram_size "
        "max_new_tokens max_time num_assistant_tokens num_assistant_tokens_schedule "
        "output_attentions output_hidden_states output_logits output_scores pad_token_id "
        "prefill_chunk_size prompt_lookup_num_tokens remove_invalid_values renormalize_logits "
        "return_dict_in_generate speculation_type target_lookbehind transformers_version use_cache"
    ),
)

# Only `tokenizer.json` decides how text is split, not `tokenizer_class`: classes of transformers
# that build their own pipeline would lose steps of the file, such as SmolLM2's single digits. If
# that file exists, `add_bos_token` has no effect in transformers either.
TOKENIZER = Settings(
    used=split_names(
        "added_tokens_decoder additional_special_tokens chat_template extra_special_tokens "
        "model_specific_special_tokens"
    ),  # and every name that ends in _token
    fixed=accepted_values(
        ("auto_map",),
        ("add_prefix_space split_special_tokens", False),
        ("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", False),
    ),
    without_effect=split_names(
        "add_bos_token add_eos_token backend chat_control_tokens clean_up_tokenization_spaces "
        "errors fix_mistral_regex from_slow is_local legacy local_files_only max_len max_length "
        "merges_file model_input_names model_max_length name_or_path pad_to_multiple_of "
        "pad_token_type_id padding_side processor_class response_schema response_template "
        "sp_model_kwargs spaces_between_special_tokens special_tokens_map_file stride "
        "tokenizer_class tokenizer_file truncation_side truncation_strategy trust_remote_code "
        "unsloth_version use_default_system_prompt use_fast verbose vocab_file vocab_size"
    ),
)

# Generation settings that older folders keep in `config.json`.
IN_OLDER_CONFIGS = GENERATION.used | GENERATION.fixed.keys() | GENERATION.without_effect
IN_OLDER_CONFIGS -= {"eos_token_id"}
