"""Fields of a GGUF file: which ones we use, ignore or refuse.

The names are those of `gguf-py/gguf/constants.py`. As with the JSON files of a folder (`settings`),
a field that is not in the table is refused by name.
"""

from typing import Any

from gpt.errors import BadInput
from gpt.pretrained.settings import Settings, accepted_values, split_names

# Fields that describe the file (its name, its licence, how it was quantised), and chat templates
# besides the default one.
IGNORED_PREFIXES = ("GGUF.", "general.", "quantize.", "tokenizer.chat_template.")
FIELDS = Settings(
    used=split_names(
        "llama.attention.head_count llama.attention.head_count_kv llama.attention.key_length "
        "llama.attention.layer_norm_rms_epsilon llama.attention.value_length llama.block_count "
        "llama.context_length llama.embedding_length llama.feed_forward_length "
        "llama.rope.dimension_count llama.rope.freq_base llama.vocab_size "
        "tokenizer.chat_template tokenizer.ggml.add_bos_token tokenizer.ggml.bos_token_id "
        "tokenizer.ggml.eom_token_id tokenizer.ggml.eos_token_id tokenizer.ggml.eot_token_id "
        "tokenizer.ggml.merges tokenizer.ggml.model tokenizer.ggml.padding_token_id "
        "tokenizer.ggml.pre tokenizer.ggml.token_type tokenizer.ggml.tokens "
        "tokenizer.ggml.unknown_token_id"
    ),
    fixed=accepted_values(
        ("llama.attention.causal", True),
        ("llama.use_parallel_residual", False),
        ("tokenizer.ggml.add_eos_token tokenizer.ggml.add_sep_token", False),
        ("tokenizer.ggml.add_space_prefix tokenizer.ggml.remove_extra_whitespaces", False),
        ("llama.attention.sliding_window llama.expert_count llama.expert_used_count", 0),
        ("llama.attention.clamp_kqv llama.attention.max_alibi_bias", 0.0),
        ("llama.rope.scaling.factor", 0.0, 1.0),
        ("llama.rope.scaling.type", "none"),
        ("split.count", 0, 1),
    ),
    # tokens for infilling, the scores of another kind of tokenizer, other chat templates
    without_effect=split_names(
        "llama.rope.scaling.finetuned llama.rope.scaling.original_context_length split.no "
        "split.tensors.count tokenizer.chat_templates tokenizer.ggml.fim_mid_token_id "
        "tokenizer.ggml.fim_pad_token_id tokenizer.ggml.fim_pre_token_id "
        "tokenizer.ggml.fim_rep_token_id tokenizer.ggml.fim_sep_token_id "
        "tokenizer.ggml.fim_suf_token_id tokenizer.ggml.mask_token_id "
        "tokenizer.ggml.middle_token_id tokenizer.ggml.prefix_token_id tokenizer.ggml.scores "
        "tokenizer.ggml.seperator_token_id tokenizer.ggml.suffix_token_id "
        "tokenizer.ggml.token_type_count tokenizer.huggingface.json"
    ),
)


def check_sizes(fields: dict[str, Any], n_tokens: int, d_head: int) -> None:
    """Refuse sizes that contradict the tensors, and rotations of only a part of each head.

    Raises:
        BadInput: a field states another size.
    """
    sizes = {
        "llama.vocab_size": n_tokens,
        "llama.rope.dimension_count": d_head,
        "llama.attention.value_length": d_head,
    }
    for name, size in sizes.items():
        if fields.get(name, size) != size:
            raise BadInput(f"the file has {name} {fields[name]}, but its tensors need {size}")
