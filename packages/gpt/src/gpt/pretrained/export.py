"""Write a model and its tokenizer as a folder that transformers opens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gpt.errors import BadInput, RunFailed
from gpt.files import DISK_FULL
from gpt.model.gpt import GPT
from gpt.pretrained.folders import write_model
from gpt.pretrained.generation import SamplingDefaults
from gpt.pretrained.loading import ADAPTER_CONFIG_FILE
from gpt.pretrained.shapes import transformers_family
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizer_export import write_hugging_face_tokenizer
from gpt.text.tokenizers import Tokenizer


def refuse_nonempty_folder(folder: Path, overwrite: bool) -> None:
    """Check that a folder is empty or may be overwritten."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{str(folder)!r} is a file; give the name of a folder to write")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise BadInput(f"{str(folder)!r} is not empty; write over it with --overwrite")


def write_pretrained(
    folder: Path,
    model: GPT,
    tokenizer: Tokenizer,
    chat_template: str | None = None,
    stop: int | None = None,
    sampling: SamplingDefaults | None = None,
) -> None:
    """Write a model and its tokenizer.

    Args:
        folder: the folder to write.
        model: the model to write.
        tokenizer: the tokenizer of the model.
        chat_template: the template that conversations had in training. Default: the tokenizer's.
        stop: the token that ends an answer, if the tokenizer does not say so.
        sampling: default settings of sampling.

    Raises:
        BadInput: transformers has no class for them; nothing was written.
    """
    transformers_family(model.config)
    (folder / "config.json").unlink(missing_ok=True)  # it comes back last, when all is there
    (folder / ADAPTER_CONFIG_FILE).unlink(missing_ok=True)  # with it the folder would be an adapter
    with report_unfinished_export(folder):
        write_hugging_face_tokenizer(tokenizer, folder, chat_template)
        generation = {} if sampling is None else sampling._asdict()
        generation = {name: value for name, value in generation.items() if value is not None}
        if generation:
            generation["do_sample"] = True
        ids = (
            generation_end_ids(tokenizer, stop),
            role_token_id(tokenizer, "bos_token"),
            role_token_id(tokenizer, "pad_token"),
        )
        write_model(folder, model, *ids, generation)


@contextmanager
def report_unfinished_export(folder: Path) -> Iterator[None]:
    """Report a full disk, with what to do about the incomplete folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise RunFailed(
            f"{error.filename}: {error.strerror}; {str(folder)!r} is incomplete; "
            "free some space, then export again with --overwrite"
        ) from error


def generation_end_ids(tokenizer: Tokenizer, stop: int | None) -> int | list[int]:
    """Token ids at which generation stops; transformers writes a single one without a list."""
    found = [*(tokenizer.end_ids if isinstance(tokenizer, PretrainedTokenizer) else [])]
    for end in (tokenizer.end_of_text, stop):
        if end is not None and end not in found:
            found.append(end)
    return found if len(found) > 1 else found[0]


def role_token_id(tokenizer: Tokenizer, role: str) -> int | None:
    """Return the id of the token that a published tokenizer has for a role, if any."""
    if not isinstance(tokenizer, PretrainedTokenizer) or role not in tokenizer.roles:
        return None
    return tokenizer.ids[tokenizer.roles[role]]
