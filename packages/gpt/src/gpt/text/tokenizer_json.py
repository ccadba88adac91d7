r"""Reading `tokenizer.json`, the format of the library `tokenizers`.

The file lists a pipeline: normalizer, added tokens, pre-tokenizer (splitting text into words),
model (merging), post-processor (tokens around a text), decoder. We read one family, byte-level BPE,
and refuse every part that would change an id or a byte in a way that we do not implement. The files
next to it add tokens and roles (`added_tokens`) and hold the chat template. The formats are those
of tokenizers 0.23 and transformers 5.
"""

import json
from pathlib import Path
from typing import Any

import regex

from gpt.errors import BadInput
from gpt.files import JsonObject, read_json
from gpt.pretrained.settings import TOKENIZER
from gpt.text import bpe
from gpt.text.added_tokens import (
    find_chat_template,
    is_token_setting,
    optional_json,
    read_added_tokens,
)
from gpt.text.pretrained_tokenizer import PretrainedTokenizer

TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
DIGIT_PATTERN = r"\p{N}"  # every digit is a word of its own, as in SmolLM2
# Options of the BPE model that byte-level BPE leaves unset.
FOREIGN_OPTIONS = (
    "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
    "byte_fallback",
)  # fmt: skip
SUPPORTED_KINDS = "only byte-level BPE is supported, as in GPT-2, Llama 3 and SmolLM2"


def read_hugging_face_tokenizer(folder: Path) -> PretrainedTokenizer:
    """Read the tokenizer of a model folder.

    Raises:
        BadInput: a file is missing or damaged, or the tokenizer is not byte-level BPE.
    """
    path = folder / "tokenizer.json"
    pipeline = read_json(path)
    try:
        model = bpe_model(pipeline)
        config = optional_json(folder / TOKENIZER_CONFIG_FILE)
        TOKENIZER.check(
            {k: v for k, v in config.items() if not is_token_setting(k, v)}, TOKENIZER_CONFIG_FILE
        )
        added, roles = read_added_tokens(folder, pipeline, config)
        ends = end_ids(folder)
        if ends:  # a folder such as GPT-2's own gives the end of a text only by its id
            ids = model["vocab"] | {each.content: each.token for each in added}
            content = next((content for content, token in ids.items() if token == ends[0]), None)
            roles = ({"eos_token": content} if content is not None else {}) | roles
        # older files write a merge as one string with a space
        merges = [each.split(" ") if isinstance(each, str) else each for each in model["merges"]]
        return PretrainedTokenizer(
            vocab={str(text): int(token) for text, token in model["vocab"].items()},
            merges=[(left, right) for left, right in merges],
            splits=split_patterns(pipeline["pre_tokenizer"]),
            added=added,
            roles=roles,
            prefix=prefix_ids(pipeline.get("post_processor")),
            chat_template=find_chat_template(folder, config),
            ignore_merges=bool(model.get("ignore_merges")),
            end_ids=ends,
        )
    except BadInput as error:
        raise BadInput(f"{str(path)!r}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{str(path)!r} is not a complete tokenizer of the library tokenizers "
            f"({type(error).__name__}: {error})"
        ) from error


def bpe_model(pipeline: JsonObject) -> JsonObject:
    """Return the entry `model`, and refuse parts of the file that byte-level BPE does not have.

    Raises:
        BadInput: the file describes another kind of tokenizer.
    """
    model, decoder = pipeline["model"], pipeline.get("decoder") or {}
    kind = model.get("type", "BPE" if "merges" in model else "unknown")
    if kind != "BPE":
        raise BadInput(f"a tokenizer of kind {kind}; {SUPPORTED_KINDS}")
    for option in FOREIGN_OPTIONS:
        if model.get(option):
            raise BadInput(f"BPE with {option} {model[option]!r}; {SUPPORTED_KINDS}")
    if pipeline.get("normalizer"):
        raise BadInput(
            f"a normalizer of type {pipeline['normalizer'].get('type')}; {SUPPORTED_KINDS}"
        )
    if decoder.get("type") != "ByteLevel":
        raise BadInput(f"a decoder of type {decoder.get('type')}; {SUPPORTED_KINDS}")
    return model


def split_patterns(pre_tokenizer: JsonObject | None) -> list[str]:
    """Return the patterns that split a text into words, to be applied one after the other.

    Raises:
        BadInput: a step is not supported, or the last step is not ByteLevel.
    """
    pre_tokenizer = pre_tokenizer or {"type": "nothing"}
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    patterns = [pattern for step in steps[:-1] for pattern in split_pattern(step)]
    last = steps[-1] if steps else {"type": "nothing"}
    if last["type"] != "ByteLevel" or last.get("add_prefix_space"):
        raise BadInput(f"a pre-tokenizer that ends with {json.dumps(last)}; {SUPPORTED_KINDS}")
    return patterns + [bpe.WORD_REGEX.pattern] * bool(last.get("use_regex", True))


def split_pattern(step: JsonObject) -> list[str]:
    """Return the pattern of a step before ByteLevel, or refuse the step."""
    if step["type"] == "Digits":
        return [DIGIT_PATTERN if step["individual_digits"] else DIGIT_PATTERN + "+"]
    if step["type"] == "Split" and step["behavior"] == "Isolated" and not step["invert"]:
        pattern = step["pattern"]
        return [pattern["Regex"] if "Regex" in pattern else regex.escape(pattern["String"])]
    raise BadInput(f"a pre-tokenizer with the step {json.dumps(step)}; {SUPPORTED_KINDS}")


def prefix_ids(post_processor: JsonObject | None) -> list[int]:
    """Return the ids that a template puts before a text.

    Raises:
        BadInput: the template adds other ids; no model of this family ends its prompts by itself.
    """
    post_processor = post_processor or {"type": "ByteLevel"}
    ids = []
    for step in post_processor.get("processors", [post_processor]):
        if step["type"] == "TemplateProcessing" and "Sequence" in step["single"][-1]:
            for each in step["single"][:-1]:
                ids += step["special_tokens"][each["SpecialToken"]["id"]]["ids"]
        elif step["type"] != "ByteLevel":  # ByteLevel only adjusts offsets, which we do not use
            raise BadInput(f"a post-processor with the step {json.dumps(step)}; {SUPPORTED_KINDS}")
    return ids


def end_ids(folder: Path) -> list[int]:
    """Return the ids at which transformers stops generating; the list may be empty.

    `generation_config.json` overrides `config.json`.

    Raises:
        BadInput: `eos_token_id` is not a token id or a list of token ids.
    """
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            found: Any = read_json(folder / name).get("eos_token_id")
            ids = found if isinstance(found, list) else [] if found is None else [found]
            if not all(type(each) is int and each >= 0 for each in ids):
                raise BadInput(
                    f"{name} has eos_token_id {found!r}; it must be a token id or a list of them"
                )
            return ids
    return []
