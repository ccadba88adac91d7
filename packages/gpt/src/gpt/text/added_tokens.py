"""Tokens that a model folder adds to a vocabulary, and the special tokens it names.

Four files may add tokens. transformers 5 takes them in this order, and so do we:

1. `read_added_tokens` in `tokenizer.json`;
2. `added_tokens_decoder` in `tokenizer_config.json`, which also changes tokens of the first file.
   Where it is missing (older folders), `added_tokens.json` takes its place, and the special tokens
   in `special_tokens_map.json` override those in the config;
3. special tokens such as `eos_token` or `image_token`, and the list `extra_special_tokens`, which
   was called `additional_special_tokens`.

A new token has the first id after all others, whatever the file says. So an id that a file states
and that counting does not give is refused: the file and the library would disagree.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpt.errors import BadInput
from gpt.files import read_json
from gpt.text.pretrained_tokenizer import AddedToken

Json = dict[str, Any]
# Tokens that every model may name come before those that a model names by itself.
STANDARD_ROLES = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
)  # fmt: skip


class Vocabulary:
    """A vocabulary that tokens are added to, one by one."""

    def __init__(self, vocab: Mapping[str, int]) -> None:
        self.vocab = vocab
        self.added: dict[str, AddedToken] = {}

    def id_of(self, content: str) -> int:
        """The id of a token: its own if it is known, else the next one."""
        if content in self.added:
            return self.added[content].token
        if content in self.vocab:
            return self.vocab[content]
        highest = max((each.token for each in self.added.values()), default=-1)
        return max(len(self.vocab), highest + 1)

    def add(self, entry: Json, stated: int | None = None) -> None:
        """Add a token, or change how a known one is found in a text.

        Raises:
            BadInput: the token has another id than the one stated, or is for whole words only.
        """
        content = entry["content"]
        token = self.id_of(content)
        if stated is not None and stated != token:
            raise BadInput(
                f"the added token {content!r} is listed with id {stated}, "
                f"and the library tokenizers would give it {token}"
            )
        if entry.get("single_word"):
            raise BadInput(
                f"the added token {content!r} has single_word True, which is not supported"
            )
        flags = (bool(entry.get(name)) for name in ("special", "lstrip", "rstrip"))
        self.added[content] = AddedToken(token, content, *flags)


def read_added_tokens(
    folder: Path, pipeline: Json, config: Json
) -> tuple[list[AddedToken], dict[str, str]]:
    """The added tokens of a folder, and which of them has which role, such as "eos_token".

    Args:
        folder: where `added_tokens.json` and `special_tokens_map.json` may be.
        pipeline: the content of `tokenizer.json`.
        config: the content of `tokenizer_config.json`.

    Raises:
        BadInput: the files contradict each other or ask for something that is not known here.
    """
    vocabulary = Vocabulary(pipeline["model"]["vocab"])
    for each in pipeline["added_tokens"] or []:
        vocabulary.add(each, each["id"])
    listed = config.get("added_tokens_decoder")
    named, extra = special_tokens(config)
    if listed is None:
        older_named, older_extra = special_tokens(optional_json(folder / "special_tokens_map.json"))
        named = named | older_named
        listed = legacy_added_tokens(folder, pipeline, [*named.values(), *extra])
        extra = extra or older_extra
    if padding := pipeline.get("padding"):
        named.setdefault("pad_token", {"content": padding["pad_token"]})
    roles = {role: each["content"] for role, each in named.items()}
    for stated, each in sorted(listed.items(), key=lambda item: int(item[0])):
        special = each.get("special") or each["content"] in roles.values()
        vocabulary.add(each | {"special": special}, int(stated))
    rank = {role: place for place, role in enumerate(STANDARD_ROLES)}
    in_order = sorted(named, key=lambda role: rank.get(role, len(rank)))
    for each in [*(named[role] for role in in_order), *extra]:
        if each["content"] not in vocabulary.added:
            vocabulary.add(each | {"special": True})
    return [*vocabulary.added.values()], roles


def special_tokens(config: Json) -> tuple[dict[str, Json], list[Json]]:
    """Special tokens that a file names by role, and those that it only lists."""
    named = {
        role: as_entry(value) for role, value in config.items() if is_token_setting(role, value)
    }
    extra, older = config.get("extra_special_tokens"), config.get("additional_special_tokens")
    for value in (extra, config.get("model_specific_special_tokens")):
        if isinstance(value, dict):
            named |= {role: as_entry(each) for role, each in value.items()}
    listed = extra if extra and not isinstance(extra, dict) else older
    return named, [as_entry(each) for each in listed or []]


def is_token_setting(role: str, value: Any) -> bool:
    """Whether an entry of `tokenizer_config.json` names a token, such as "eos_token"."""
    return role.endswith("_token") and isinstance(value, (str, dict))


def as_entry(value: str | Json) -> Json:
    """A token as the files write it: its text alone, or an object."""
    return {"content": value} if isinstance(value, str) else value


def legacy_added_tokens(folder: Path, pipeline: Json, special: list[Json]) -> dict[str, Json]:
    """The tokens of `added_tokens.json`, overridden by those of `tokenizer.json`, by id."""
    names = {each["content"] for each in special}
    older = {
        str(token): {"content": content, "special": content in names}
        for content, token in optional_json(folder / "added_tokens.json").items()
    }
    return older | {str(each["id"]): each for each in pipeline["added_tokens"] or []}


def optional_json(path: Path) -> Json:
    """The content of a JSON file; an empty object if there is none."""
    return read_json(path) if path.is_file() else {}


def chat_templates(folder: Path, config: Json) -> dict[str, str]:
    """The chat templates of a folder by name; files of their own override those of the config."""
    default, others = folder / "chat_template.jinja", folder / "additional_chat_templates"
    files = {"default": default} if default.is_file() else {}
    files |= {path.stem: path for path in sorted(others.glob("*.jinja"))}
    if files:
        return {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    written = config.get("chat_template") or {}
    if isinstance(written, str):
        return {"default": written}
    if isinstance(written, list):
        return {each["name"]: each["template"] for each in written}
    return dict(written)


def find_chat_template(folder: Path, config: Json) -> str | None:
    """The template that writes conversations; None if the folder has none.

    Raises:
        BadInput: there are several, and none is called default.
    """
    found = chat_templates(folder, config)
    if found and "default" not in found:
        raise BadInput(f"the chat templates are called {', '.join(found)}, and none default")
    return found.get("default")
