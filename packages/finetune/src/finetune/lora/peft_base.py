"""The model below an adapter, and what an adapter folder says about its tokenizer.

An adapter is a folder that changes another model, its base. Trainers write the tokenizer with it,
since a fine-tuned model may have another chat template than its base.
"""

from dataclasses import replace
from pathlib import Path

from finetune.lora.peft_files import BASE_KEY, CONFIG_FILE, read_header
from gpt.errors import BadInput
from gpt.files import read_json
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizer_json import read_hugging_face_tokenizer
from gpt.text.tokenizers import Tokenizer


def is_adapter(name: str) -> bool:
    """Whether a folder holds an adapter in the layout of peft."""
    return (Path(name) / CONFIG_FILE).is_file()


def adapter_base(path: Path, base: str | None) -> str:
    """The name of the base: the one that the user gives, the folder above, or the one in the file.

    An adapter of `finetune export --adapter` is below its base and notes that, so that both can be
    moved together.

    Raises:
        BadInput: no base is named, or it is an adapter too.
    """
    named = read_json(path / CONFIG_FILE).get("base_model_name_or_path")
    above = path.resolve().parent
    if base is not None:
        named = base
    elif read_header(path).get(BASE_KEY) == ".." and (above / "config.json").is_file():
        named = str(above)
    if not isinstance(named, str):
        raise BadInput(
            f"the adapter in {str(path)!r} does not say for which model it is; "
            "name the model with --base"
        )
    if is_adapter(named):
        raise BadInput(f"the adapter in {str(path)!r} is for {named!r}, which is an adapter too")
    return named


def check_base(base: str | None, *models: str | None) -> None:
    """Refuse the base of a model that is no adapter."""
    if base is not None and not any(is_adapter(model) for model in models if model):
        named = ", ".join(repr(model) for model in models if model)
        raise BadInput(f"--base names the model below an adapter; {named} is no adapter")


def adapter_tokenizer(path: Path) -> PretrainedTokenizer | None:
    """The tokenizer in the folder of an adapter; None if its base has the right one.

    Raises:
        BadInput: there are some files of a tokenizer, but not all.
    """
    if (path / "tokenizer.json").is_file():
        return read_hugging_face_tokenizer(path)
    for name in ("tokenizer_config.json", "added_tokens.json", "chat_template.jinja"):
        if (path / name).is_file():
            raise BadInput(f"{str(path)!r} has a file {name!r} and no 'tokenizer.json'")
    return None


def with_base_stop_ids(tokenizer: PretrainedTokenizer, of_base: Tokenizer) -> PretrainedTokenizer:
    """The tokenizer of an adapter, with the ids at which its base stops added."""
    if not isinstance(of_base, PretrainedTokenizer):
        return tokenizer
    return replace(tokenizer, end_ids=[*tokenizer.end_ids, *of_base.end_ids, of_base.end_of_text])
