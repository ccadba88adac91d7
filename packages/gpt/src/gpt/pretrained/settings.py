"""Settings in the JSON files of a model folder: which ones we use, and which we can only refuse.

transformers reads `config.json`, `generation_config.json` and `tokenizer_config.json`. A setting
that changes a number, and that our model does not have, would be lost in silence. So each file has
a table here, and a setting in none of its columns is refused by name.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gpt.errors import BadInput


class Settings(NamedTuple):
    """The settings of one file."""

    used: frozenset[str]
    """Settings that this package reads."""
    fixed: Mapping[str, tuple[Any, ...]]
    """Settings that our model has in one way only, with the values that mean this way."""
    without_effect: frozenset[str]
    """Settings that change neither the model nor the tokens here."""

    def check(self, content: Mapping[str, Any], where: str) -> None:
        """Refuse a setting that we do not have; null stands for a default everywhere.

        Raises:
            BadInput: a setting is unknown, or has a value other than those in `fixed`.
        """
        for name in sorted(content, key=lambda name: name not in self.fixed):
            value = content[name]
            if value is None or name in self.used or name in self.without_effect:
                continue
            if name not in self.fixed:
                raise BadInput(
                    f"{where} has the setting {name} {value!r:.60}, which is not known here; "
                    "if it changes nothing, remove it from the file"
                )
            if value not in self.fixed[name]:
                accepted = " or ".join(map(repr, self.fixed[name]))
                rule = f"it must be {accepted}" if accepted else "this package does not have it"
                raise BadInput(f"{where} has {name} {value!r:.60}; {rule}")


def split_names(text: str) -> frozenset[str]:
    """The names in a text."""
    return frozenset(text.split())


# The loss, the outputs and the files of the library; and the precision, which --precision decides.
BOOKKEEPING = split_names(
    "_attn_implementation _attn_implementation_autoset _commit_hash _from_model_config "
    "_name_or_path _num_labels architectures attn_implementation chunk_size_feed_forward dtype "
    "finetuning_task gradient_checkpointing id2label initializer_range label2id num_labels "
    "max_sequence_length output_attentions output_hidden_states output_past pad_token_id prefix "
    "pretraining_tp problem_type return_dict sep_token_id task_specific_params tf_legacy_loss "
    "tie_encoder_decoder tokenizer_class torch_dtype torchscript transformers.js_config "
    "transformers_version unsloth_fixed unsloth_version use_bfloat16 use_cache xla_device"
)
DECODER: dict[str, tuple[Any, ...]] = {
    "add_cross_attention": (False,),
    "auto_map": (),
    "is_decoder": (False, True),  # ours never attends to the future
    "is_encoder_decoder": (False,),
    "pruned_heads": ({},),
    "quantization_config": (),
}
SHARED_SETTINGS = split_names("bos_token_id eos_token_id model_type tie_word_embeddings vocab_size")
GPT2_SETTINGS = Settings(
    used=SHARED_SETTINGS
    | split_names(
        "activation_function attn_pdrop embd_pdrop layer_norm_epsilon n_embd n_head n_inner "
        "n_layer n_positions resid_pdrop"
    ),
    fixed=DECODER | {"scale_attn_weights": (True,), "scale_attn_by_inverse_layer_idx": (False,)},
    # `n_ctx` repeats `n_positions`; a summary is made by classifiers; upcasting changes half floats
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
    fixed=DECODER
    | {
        "attention_dropout": (0.0,),  # ours drops what a layer adds, not attention weights
        "partial_rotary_factor": (1.0,),
        "rope_interleaved": (False,),
    },
    without_effect=BOOKKEEPING | split_names("is_llama_config"),
)
CONFIG = {"gpt2": GPT2_SETTINGS, "llama": LLAMA_SETTINGS, "arcee": LLAMA_SETTINGS}
ROTATION = Settings(
    used=split_names("rope_theta"),
    fixed={
        "rope_type": ("default",),
        "type": ("default",),  # the name in older files
        "partial_rotary_factor": (1.0,),
    },
    without_effect=frozenset(),
)

# How many tokens, in which batches and how fast is for the caller to say.
GENERATION = Settings(
    used=split_names("do_sample eos_token_id temperature top_k top_p"),
    fixed={
        "assistant_early_exit": (),
        "bad_words_ids": ([],),
        "begin_suppress_tokens": ([],),
        "constraints": ([],),
        "diversity_penalty": (0.0,),
        "dola_layers": (),
        "encoder_no_repeat_ngram_size": (0,),
        "encoder_repetition_penalty": (1.0,),
        "epsilon_cutoff": (0.0,),
        "eta_cutoff": (0.0,),
        "exponential_decay_length_penalty": (),
        "force_words_ids": ([],),
        "forced_bos_token_id": (),
        "forced_eos_token_id": (),
        "guidance_scale": (1.0,),
        "is_assistant": (False,),
        "min_length": (0,),
        "min_new_tokens": (0,),
        "min_p": (0.0,),
        "no_repeat_ngram_size": (0,),
        "num_beam_groups": (1,),
        "num_beams": (1,),
        "num_return_sequences": (1,),
        "penalty_alpha": (0.0,),
        "repetition_penalty": (1.0,),
        "sequence_bias": ({},),
        "stop_strings": ([],),
        "suppress_tokens": ([],),
        "token_healing": (False,),
        "top_h": (),
        "typical_p": (1.0,),
        "use_mtp": (False,),
        "watermarking_config": (),
    },
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

# `tokenizer.json` says how text is cut, whatever `tokenizer_class` says: the classes of
# transformers that build a pipeline of their own would lose steps of the file, such as SmolLM2's
# single digits. `add_bos_token` has no effect in transformers either, where that file is there.
TOKENIZER = Settings(
    used=split_names(
        "added_tokens_decoder additional_special_tokens chat_template extra_special_tokens "
        "model_specific_special_tokens"
    ),  # and every name that ends in _token
    fixed={
        "add_prefix_space": (False,),
        "auto_map": (),
        "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": (False,),
        "split_special_tokens": (False,),
    },
    without_effect=split_names(
        "add_bos_token add_eos_token backend chat_control_tokens clean_up_tokenization_spaces "
        "errors fix_mistral_regex from_slow is_local legacy local_files_only max_len max_length "
        "merges_file model_input_names model_max_length name_or_path pad_to_multiple_of "
        "pad_token_type_id padding_side processor_class response_schema response_template "
        "sp_model_kwargs "
        "spaces_between_special_tokens special_tokens_map_file stride tokenizer_class "
        "tokenizer_file truncation_side truncation_strategy trust_remote_code unsloth_version "
        "use_default_system_prompt use_fast verbose vocab_file vocab_size"
    ),
)

# Settings of generation that older folders keep in `config.json`.
IN_OLDER_CONFIGS = (GENERATION.used | GENERATION.fixed.keys() | GENERATION.without_effect) - {
    "eos_token_id"
}
