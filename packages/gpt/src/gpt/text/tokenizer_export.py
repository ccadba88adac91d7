"""Writing `tokenizer.json` and `tokenizer_config.json`, so that transformers reads our tokenizers.

`AutoTokenizer.from_pretrained(folder)` then produces the same ids and the same text. Byte-pair
encoding becomes a BPE model; characters become a WordLevel model, with a pre-tokenizer that splits
after every character, and words one with a pre-tokenizer that splits at white space.
`tokenizer_json` reads and explains the format.
"""

import json
from pathlib import Path

from gpt.errors import BadInput
from gpt.files import JsonObject, write_atomically
from gpt.text import bpe
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.documents import END_OF_TEXT
from gpt.text.pretrained_tokenizer import CHARACTER_OF_BYTE, AddedToken, PretrainedTokenizer
from gpt.text.tokenizer_json import DIGIT_PATTERN, TOKENIZER_CONFIG_FILE
from gpt.text.tokenizers import CharacterTokenizer, Tokenizer, WordLevelTokenizer

# Files of an earlier tokenizer that would override the files written here.
OVERRIDING_FILES = ("chat_template.jinja", "added_tokens.json", "special_tokens_map.json")


def write_hugging_face_tokenizer(
    tokenizer: Tokenizer, folder: Path, chat_template: str | None = None
) -> None:
    """Write the tokenizer into a model folder, which is created if it does not exist.

    Args:
        tokenizer: any tokenizer except `WordTokenizer`.
        folder: the model folder.
        chat_template: template for conversations; by default the tokenizer's own, if any.

    Raises:
        BadInput: the tokenizer is a `WordTokenizer`, which the library could not reproduce.
    """
    if isinstance(tokenizer, BytePairTokenizer):
        tokenizer = to_pretrained_tokenizer(tokenizer)
    if isinstance(tokenizer, PretrainedTokenizer):
        chat_template = chat_template or tokenizer.chat_template
        files = bpe_pipeline(tokenizer), tokenizer_config(tokenizer.roles)
    elif isinstance(tokenizer, CharacterTokenizer):
        split = {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated"}
        pipeline = word_level_pipeline(tokenizer, split | {"invert": False}, {"type": "Fuse"})
        files = pipeline, tokenizer_config({"eos_token": END_OF_TEXT})
    elif isinstance(tokenizer, WordLevelTokenizer):
        pipeline = word_level_pipeline(tokenizer, {"type": "WhitespaceSplit"}, None)
        files = pipeline, tokenizer_config({"eos_token": END_OF_TEXT})
    else:
        raise BadInput(
            f"cannot export a {type(tokenizer).__name__}; only BytePairTokenizer, "
            "CharacterTokenizer, WordLevelTokenizer and PretrainedTokenizer can be exported"
        )
    if chat_template:
        files[1]["chat_template"] = chat_template
    folder.mkdir(parents=True, exist_ok=True)
    for name in OVERRIDING_FILES:
        (folder / name).unlink(missing_ok=True)
    for name, content in zip(("tokenizer.json", TOKENIZER_CONFIG_FILE), files, strict=True):
        write_atomically(folder / name, json.dumps(content, ensure_ascii=False, indent=1).encode())


def to_pretrained_tokenizer(tokenizer: BytePairTokenizer) -> PretrainedTokenizer:
    """Convert our merges from pairs of ids to pairs of strings; the ids stay the same."""
    spelled = [
        "".join(CHARACTER_OF_BYTE[byte] for byte in token)
        for token in bpe.token_bytes(tokenizer.merges)
    ]
    return PretrainedTokenizer(
        vocab={text: token for token, text in enumerate(spelled)},
        merges=[(spelled[left], spelled[right]) for left, right in tokenizer.merges],
        splits=[bpe.WORD_REGEX.pattern],
        added=[AddedToken(tokenizer.end_of_text, END_OF_TEXT, special=True)],
        roles={"eos_token": END_OF_TEXT},
        prefix=[],
    )


def tokenizer_pipeline(
    added: list[AddedToken],
    pre_tokenizer: JsonObject,
    model: JsonObject,
    decoder: JsonObject | None,
) -> JsonObject:
    """Return the content of `tokenizer.json`, without a post-processor."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": each.token,
                "content": each.content,
                "single_word": False,
                "lstrip": each.lstrip,
                "rstrip": each.rstrip,
                "normalized": False,
                "special": each.special,
            }
            for each in sorted(added)  # the library assigns ids in the order of the file
        ],
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": decoder,
        "model": model,
    }


def bpe_pipeline(tokenizer: PretrainedTokenizer) -> JsonObject:
    """Return the `tokenizer.json` of byte-level BPE: split, write bytes as characters, merge."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    gpt2 = tokenizer.splits[-1:] == [bpe.WORD_REGEX.pattern]  # ByteLevel can split this way itself
    steps = [split_step(pattern) for pattern in tokenizer.splits[: -1 if gpt2 else None]]
    steps.append({**byte_level, "use_regex": gpt2})
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": tokenizer.ignore_merges,
        "vocab": tokenizer.vocab,
        "merges": tokenizer.merges,
    }
    decoder = {**byte_level, "use_regex": True}
    pre_tokenizer = {"type": "Sequence", "pretokenizers": steps}
    content = tokenizer_pipeline(tokenizer.added, pre_tokenizer, model, decoder)
    return content | {
        "post_processor": prefix_post_processor(tokenizer) if tokenizer.prefix else None
    }


def split_step(pattern: str) -> JsonObject:
    """Return the pre-tokenizer step that splits around a pattern."""
    if pattern == DIGIT_PATTERN:
        return {"type": "Digits", "individual_digits": True}
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def prefix_post_processor(tokenizer: PretrainedTokenizer) -> JsonObject:
    """Return the post-processor that puts the prefix before a text, or before each of two."""
    content = {token: text for text, token in tokenizer.ids.items()}
    names = [content[token] for token in tokenizer.prefix]
    first, second = (
        [
            *({"SpecialToken": {"id": name, "type_id": type_id}} for name in names),
            {"Sequence": {"id": sequence, "type_id": type_id}},
        ]
        for type_id, sequence in enumerate("AB")
    )
    return {
        "type": "TemplateProcessing",
        "single": first,
        "pair": first + second,
        "special_tokens": {
            name: {"id": name, "ids": [tokenizer.ids[name]], "tokens": [name]} for name in names
        },
    }


def word_level_pipeline(
    tokenizer: CharacterTokenizer | WordLevelTokenizer,
    pre_tokenizer: JsonObject,
    decoder: JsonObject | None,
) -> JsonObject:
    """Return the `tokenizer.json` of characters or words; unknown ones raise, as in ours.

    Without a decoder the library joins the tokens with spaces.
    """
    vocab = tokenizer.ids | {END_OF_TEXT: tokenizer.end_of_text}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": "no such token"}
    end = AddedToken(tokenizer.end_of_text, END_OF_TEXT, special=True)
    return tokenizer_pipeline([end], pre_tokenizer, model, decoder)


def tokenizer_config(roles: dict[str, str]) -> JsonObject:
    """Return the content of `tokenizer_config.json`: the special tokens by role."""
    standard = {role: token for role, token in roles.items() if role.endswith("_token")}
    others = {role: token for role, token in roles.items() if role not in standard}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        **standard,
        **({"extra_special_tokens": others} if others else {}),
    }
