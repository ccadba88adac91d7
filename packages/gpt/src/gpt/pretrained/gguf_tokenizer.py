"""The tokenizer in the fields of a GGUF file.

llama.cpp keeps the tokens, their kinds and the merges, but how to cut text into words only by name:
`tokenizer.ggml.pre`, whose patterns stand in its source (`src/llama-vocab.cpp`).

For `smollm` the cut is GPT-2's, as in transformers 5.23, so that our ids of this file are those of
the library. The model itself was trained with every digit apart (`tokenizer_json.DIGITS`). That
differs only where a digit follows several spaces or an empty line, as in a numbered list, which is
then 12 nats less of a surprise to the model; a test measures it.
"""

from typing import Any

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.pretrained_tokenizer import AddedToken, PretrainedTokenizer
from gpt.text.tokenizer_json import parse_merge

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {
    "gpt-2": [bpe.WORD_REGEX.pattern],
    "llama-bpe": [LLAMA_3],
    "smollm": [bpe.WORD_REGEX.pattern],
}
# Kinds of tokens in `tokenizer.ggml.token_type`; those never cut out of a text are padding.
NORMAL, CONTROL, UNUSED, BYTE = 1, 3, 5, 6
ROLES = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}


def gguf_tokenizer(fields: dict[str, Any]) -> PretrainedTokenizer:
    """The tokenizer in the fields of the file."""
    if (kind := fields["tokenizer.ggml.model"]) != "gpt2":
        raise BadInput(f"a tokenizer of kind {kind!r}; only byte-level BPE, 'gpt2', is known")
    if (split := fields.get("tokenizer.ggml.pre", "gpt-2")) not in SPLITS:
        raise BadInput(f"text cut as in {split!r}; there are {', '.join(SPLITS)}")
    role_ids = {
        role: fields[f"tokenizer.ggml.{name}_token_id"]
        for role, name in ROLES.items()
        if f"tokenizer.ggml.{name}_token_id" in fields
    }
    prefix = [role_ids["bos_token"]] if fields.get("tokenizer.ggml.add_bos_token") else []
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    return PretrainedTokenizer(
        vocab={text: token for token, text in enumerate(tokens)},
        merges=[parse_merge(merge) for merge in fields["tokenizer.ggml.merges"]],
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
    """The ids at which llama.cpp stops: of the text, of a turn, of a message that calls a tool."""
    names = (f"tokenizer.ggml.{name}_token_id" for name in ("eos", "eot", "eom"))
    return [*dict.fromkeys(fields[name] for name in names if name in fields)]
