"""Find the base model of an adapter folder, and the tokenizer to use with it.

An adapter changes another model, its base. Trainers store a tokenizer with the adapter, because a
fine-tuned model may have another chat template than its base.
"""

from dataclasses import replace
from pathlib import Path

from finetune.lora.peft_files import BASE_KEY, CONFIG_FILE, TENSORS_FILE, read_tensors
from gpt.errors import BadInput
from gpt.files import read_json
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizer_json import read_hugging_face_tokenizer
from gpt.text.tokenizers import Tokenizer


def is_adapter(name: str) -> bool:
    """Check whether a folder holds an adapter in the layout of peft."""
    return (Path(name) / CONFIG_FILE).is_file()


def adapter_base(path: Path, base: str | None) -> str:
    """Return the base: the name that the user gives, the parent folder, or the name in the config.

    `finetune export --adapter` writes the adapter into the folder of its base and records that, so
    that both can be moved together.

    Raises:
        BadInput: no base is named, or it is an adapter too.
    """
    named = read_json(path / CONFIG_FILE).get("base_model_name_or_path")
    parent = path.resolve().parent
    if base is not None:
        named = base
    elif (parent / "config.json").is_file() and (path / TENSORS_FILE).is_file():
        header = read_tensors(path / TENSORS_FILE)[1]
        named = str(parent) if header.get(BASE_KEY) == ".." else named
    if not isinstance(named, str):
        raise BadInput(
            f"the adapter in {str(path)!r} does not name its base model; give it with --base"
        )
    if is_adapter(named):
        raise BadInput(f"the base of the adapter in {str(path)!r} is {named!r}, also an adapter")
    return named


def check_base(base: str | None, *models: str | None) -> None:
    """Raise BadInput if a base is given and none of the models is an adapter."""
    if base is not None and not any(is_adapter(model) for model in models if model):
        named = ", ".join(repr(model) for model in models if model)
        raise BadInput(f"--base names the base model of an adapter, but {named} is not an adapter")


def adapter_tokenizer(path: Path) -> PretrainedTokenizer | None:
    """Return the tokenizer in the folder of an adapter, or None to use that of its base.

    Raises:
        BadInput: some files of a tokenizer are there, but `tokenizer.json` is missing.
    """
    if (path / "tokenizer.json").is_file():
        return read_hugging_face_tokenizer(path)
    for name in ("tokenizer_config.json", "added_tokens.json", "chat_template.jinja"):
        if (path / name).is_file():
            raise BadInput(f"{str(path)!r} has a file {name!r} but no 'tokenizer.json'")
    return None


def with_base_stop_ids(tokenizer: PretrainedTokenizer, base: Tokenizer) -> PretrainedTokenizer:
    """Add the token ids at which the base stops to the tokenizer of an adapter."""
    if not isinstance(base, PretrainedTokenizer):
        return tokenizer
    return replace(tokenizer, end_ids=[*tokenizer.end_ids, *base.end_ids, base.end_of_text])
