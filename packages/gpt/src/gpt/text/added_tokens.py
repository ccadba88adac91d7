"""Tokens that a model folder adds to a vocabulary, and their roles, such as "eos_token".

Four files may add tokens. Like transformers 5, we read them in this order:

1. `added_tokens` in `tokenizer.json`;
2. `added_tokens_decoder` in `tokenizer_config.json`, which also overrides tokens of the first file.
   Older folders without it have `added_tokens.json` instead, and the special tokens in their
   `special_tokens_map.json` override those in the config;
3. special tokens such as `eos_token` or `image_token`, and the list `extra_special_tokens`, which
   was called `additional_special_tokens`.

transformers gives a new token the next free id, whatever id the file states. We refuse a file that
states another id, because the file and the library would disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpt.errors import BadInput
from gpt.files import JsonObject, read_json
from gpt.text.pretrained_tokenizer import AddedToken

# transformers adds the tokens with these roles before those with a role of the model's own.
STANDARD_ROLES = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
)  # fmt: skip


@dataclass
class Vocabulary:
    """A vocabulary that tokens are added to, one by one."""

    vocab: Mapping[str, int]
    added: dict[str, AddedToken] = field(default_factory=dict)

    def id_of(self, content: str) -> int:
        """Return the id of a token, or the next free id for a new token."""
        if content in self.added:
            return self.added[content].token
        if content in self.vocab:
            return self.vocab[content]
        highest = max((each.token for each in self.added.values()), default=-1)
        return max(len(self.vocab), highest + 1)

    def add(self, entry: JsonObject, stated_id: int | None = None) -> None:
        """Add a token, or override the flags of a token that was added before.

        Raises:
            BadInput: the stated id is not the id that the token gets, or the token matches only
                whole words.
        """
        content = entry["content"]
        token = self.id_of(content)
        if stated_id is not None and stated_id != token:
            raise BadInput(
                f"the added token {content!r} is listed with id {stated_id}, "
                f"but transformers would give it {token}"
            )
        if entry.get("single_word"):
            raise BadInput(
                f"the added token {content!r} has single_word True; only False is supported"
            )
        flags = (bool(entry.get(name)) for name in ("special", "lstrip", "rstrip"))
        self.added[content] = AddedToken(token, content, *flags)


def read_added_tokens(
    folder: Path, pipeline: JsonObject, config: JsonObject
) -> tuple[list[AddedToken], dict[str, str]]:
    """Return the added tokens of a folder, and the text of the token in each role.

    Args:
        folder: may hold `added_tokens.json` and `special_tokens_map.json`.
        pipeline: the content of `tokenizer.json`.
        config: the content of `tokenizer_config.json`.

    Raises:
        BadInput: the files contradict each other, or use a feature that is not supported.
    """
    vocabulary = Vocabulary(pipeline["model"]["vocab"])
    for each in pipeline["added_tokens"] or []:
        vocabulary.add(each, each["id"])
    listed_by_id = config.get("added_tokens_decoder")
    by_role, without_role = special_tokens(config)
    if listed_by_id is None:
        legacy = special_tokens(optional_json(folder / "special_tokens_map.json"))
        by_role |= legacy[0]
        listed_by_id = legacy_added_tokens(folder, pipeline, [*by_role.values(), *without_role])
        without_role = without_role or legacy[1]
    if padding := pipeline.get("padding"):
        by_role.setdefault("pad_token", {"content": padding["pad_token"]})
    roles = {role: each["content"] for role, each in by_role.items()}
    for stated_id, each in sorted(listed_by_id.items(), key=lambda item: int(item[0])):
        special = each.get("special") or each["content"] in roles.values()
        vocabulary.add(each | {"special": special}, int(stated_id))
    rank = {role: place for place, role in enumerate(STANDARD_ROLES)}
    in_order = sorted(by_role, key=lambda role: rank.get(role, len(rank)))
    for each in [*(by_role[role] for role in in_order), *without_role]:
        if each["content"] not in vocabulary.added:
            vocabulary.add(each | {"special": True})
    return [*vocabulary.added.values()], roles


def special_tokens(config: JsonObject) -> tuple[dict[str, JsonObject], list[JsonObject]]:
    """Return the special tokens of a file by role, and those that it lists without a role."""
    by_role = {role: value for role, value in config.items() if is_token_setting(role, value)}
    extra, legacy = config.get("extra_special_tokens"), config.get("additional_special_tokens")
    for value in (extra, config.get("model_specific_special_tokens")):
        by_role |= value if isinstance(value, dict) else {}
    listed = (extra if extra and not isinstance(extra, dict) else legacy) or []
    entries = [*by_role.values(), *listed]  # some files give only the text of a token
    entries = [{"content": each} if isinstance(each, str) else each for each in entries]
    return dict(zip(by_role, entries, strict=False)), entries[len(by_role) :]


def is_token_setting(role: str, value: Any) -> bool:
    """Whether an entry of `tokenizer_config.json` gives a token a role, such as "eos_token"."""
    return role.endswith("_token") and isinstance(value, (str, dict))


def legacy_added_tokens(
    folder: Path, pipeline: JsonObject, special: list[JsonObject]
) -> dict[str, JsonObject]:
    """Return the tokens of `added_tokens.json` by id, overridden by those of `tokenizer.json`."""
    special_texts = {each["content"] for each in special}
    legacy = {
        str(token): {"content": content, "special": content in special_texts}
        for content, token in optional_json(folder / "added_tokens.json").items()
    }
    return legacy | {str(each["id"]): each for each in pipeline["added_tokens"] or []}


def optional_json(path: Path) -> JsonObject:
    """Read a JSON object, or return an empty one if the file does not exist."""
    return read_json(path) if path.is_file() else {}


def find_chat_template(folder: Path, config: JsonObject) -> str | None:
    """Return the default chat template of a folder, or None if the folder has no template.

    Template files override `chat_template` in `tokenizer_config.json`.

    Raises:
        BadInput: there are several templates, none of them called default.
    """
    default, others = folder / "chat_template.jinja", folder / "additional_chat_templates"
    files = {"default": default} if default.is_file() else {}
    files |= {path.stem: path for path in sorted(others.glob("*.jinja"))}
    templates = config.get("chat_template") or {}
    if files:
        templates = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    elif isinstance(templates, str):
        templates = {"default": templates}
    elif isinstance(templates, list):
        templates = {each["name"]: each["template"] for each in templates}
    if templates and "default" not in templates:
        raise BadInput(
            f"the chat templates are called {', '.join(templates)}; one must be called default"
        )
    return templates.get("default")
