"""`gpt export`: write a model so that transformers opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gpt.errors import BadInput, RunFailed
from gpt.files import DISK_FULL
from gpt.model.gpt import GPT
from gpt.pretrained.folders import write_model
from gpt.pretrained.generation import SamplingDefaults, sampling_defaults
from gpt.pretrained.loading import ADAPTER_CONFIG_FILE, find_model_folder, load_pretrained
from gpt.pretrained.shapes import transformers_family
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizer_export import write_hugging_face_tokenizer
from gpt.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class ExportConfig:
    """Write model and tokenizer into a folder that `from_pretrained` of transformers reads."""

    run: Path = Path("runs/gpt")
    """Folder of the run."""
    model: str | None = None
    """In place of a run: smollm2, a folder in the layout of transformers, or a hub id."""
    to: Path = Path("exported")
    """The folder to write."""
    overwrite: bool = False
    """Replace what an earlier export left there."""


def run(config: ExportConfig) -> int:
    """Load, write, say how to open it."""
    refuse_nonempty_folder(config.to, config.overwrite)
    if config.model is None:
        RunFolder(config.run).read_config()  # a run that is not there is no model of the hub
    model, tokenizer = load_pretrained(config.model or str(config.run.resolve()))
    sampling = sampling_defaults(find_model_folder(config.model)) if config.model else None
    write_pretrained(config.to, model, tokenizer, sampling=sampling)
    report_message(f"open it with: AutoModelForCausalLM.from_pretrained({str(config.to)!r})")
    return 0


def refuse_nonempty_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something already."""
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
    """Write model and tokenizer.

    Args:
        folder: where to.
        model: what to write.
        tokenizer: its tokenizer.
        chat_template: how conversations were written in training; by default the tokenizer's own.
        stop: the token that ends an answer, where the tokenizer does not say so.
        sampling: how tokens are drawn by default.

    Raises:
        BadInput: transformers has no class for them; nothing was written.
    """
    transformers_family(model.config)
    (folder / "config.json").unlink(missing_ok=True)  # it comes back last, when all is there
    (folder / ADAPTER_CONFIG_FILE).unlink(missing_ok=True)  # with it the folder would be an adapter
    with report_unfinished_export(folder):
        write_hugging_face_tokenizer(tokenizer, folder, chat_template)
        generation = {} if sampling is None else sampling.settings()
        ids = (
            generation_end_ids(tokenizer, stop),
            role_token_id(tokenizer, "bos_token"),
            role_token_id(tokenizer, "pad_token"),
        )
        write_model(folder, model, *ids, generation)


@contextmanager
def report_unfinished_export(folder: Path) -> Iterator[None]:
    """Say that what was written so far is no model yet."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise RunFailed(
            f"{error.filename}: {error.strerror}; {str(folder)!r} holds no whole model; "
            "free some space, then export again with --overwrite"
        ) from error


def generation_end_ids(tokenizer: Tokenizer, stop: int | None) -> int | list[int]:
    """The ids at which generation stops; a single one is no list in the files of transformers."""
    found = [*(tokenizer.end_ids if isinstance(tokenizer, PretrainedTokenizer) else [])]
    for end in (tokenizer.end_of_text, stop):
        if end is not None and end not in found:
            found.append(end)
    return found if len(found) > 1 else found[0]


def role_token_id(tokenizer: Tokenizer, role: str) -> int | None:
    """The id of the token that a published tokenizer names for a role, if it does."""
    if not isinstance(tokenizer, PretrainedTokenizer) or role not in tokenizer.roles:
        return None
    return tokenizer.ids[tokenizer.roles[role]]
