"""The tokenizer in the fields of a GGUF file.

A GGUF file lists the tokens, their kinds and the merges, but only names the way of splitting text
into words: `tokenizer.ggml.pre`, whose patterns are in the source of llama.cpp
(`src/llama-vocab.cpp`).

For `smollm` we split like GPT-2, as transformers 5.23 does, so that our ids of this file are those
of the library. The model was trained with every digit as a word of its own
(`tokenizer_json.DIGIT_PATTERN`). The two differ only if a digit follows several spaces or an empty
line, as in a numbered list, whose loss is 12 nats lower with single digits; a test measures it.
"""

from typing import Any

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.pretrained_tokenizer import AddedToken, PretrainedTokenizer

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {
    "gpt-2": [bpe.WORD_REGEX.pattern],
    "llama-bpe": [LLAMA_3],
    "smollm": [bpe.WORD_REGEX.pattern],
}
# Kinds of tokens in `tokenizer.ggml.token_type`; unused tokens only fill up the vocabulary.
NORMAL, CONTROL, UNUSED, BYTE = 1, 3, 5, 6
ROLES = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}


def gguf_tokenizer(fields: dict[str, Any]) -> PretrainedTokenizer:
    """Return the tokenizer in the fields of a file.

    Raises:
        BadInput: it is not byte-level BPE, or splits text in an unknown way.
    """
    if (kind := fields["tokenizer.ggml.model"]) != "gpt2":
        raise BadInput(f"a tokenizer of kind {kind!r}; only byte-level BPE, 'gpt2', is supported")
    if (split := fields.get("tokenizer.ggml.pre", "gpt-2")) not in SPLITS:
        raise BadInput(f"text split as in {split!r}; accepted are {', '.join(SPLITS)}")
    role_ids = {
        role: fields[f"tokenizer.ggml.{name}_token_id"]
        for role, name in ROLES.items()
        if f"tokenizer.ggml.{name}_token_id" in fields
    }
    prefix = [role_ids["bos_token"]] if fields.get("tokenizer.ggml.add_bos_token") else []
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    merges = [merge.split(" ") for merge in fields["tokenizer.ggml.merges"]]
    return PretrainedTokenizer(
        vocab={text: token for token, text in enumerate(tokens)},
        merges=[(left, right) for left, right in merges],
        splits=SPLITS[split],
        added=[
            AddedToken(token, tokens[token], special=kind == CONTROL)
            for token, kind in enumerate(kinds)
            if kind not in (NORMAL, UNUSED, BYTE)
        ],
        roles={role: tokens[token] for role, token in role_ids.items()},
        prefix=prefix,
        chat_template=fields.get("tokenizer.chat_template"),
        ignore_merges=split == "llama-bpe",
        end_ids=gguf_end_ids(fields),
    )


def gguf_end_ids(fields: dict[str, Any]) -> list[int]:
    """Return the ids at which llama.cpp stops: end of text, of turn, and of a tool call."""
    names = (f"tokenizer.ggml.{name}_token_id" for name in ("eos", "eot", "eom"))
    return [*dict.fromkeys(fields[name] for name in names if name in fields)]
