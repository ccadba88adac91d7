"""`gpt export`: write a model so that transformers opens it."""

from dataclasses import dataclass
from pathlib import Path

from gpt.commands.progress import say
from gpt.errors import BadInput
from gpt.pretrained.folders import write_model
from gpt.pretrained.loading import load_pretrained
from gpt.pretrained.shapes import family_of
from gpt.runs import RunFolder
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizer_export import to_hugging_face
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
    if config.to.exists() and not config.to.is_dir():
        raise BadInput(f"{str(config.to)!r} is a file; give the name of a folder to write")
    if config.to.is_dir() and any(config.to.iterdir()) and not config.overwrite:
        raise BadInput(f"{str(config.to)!r} is not empty; write over it with --overwrite")
    if config.model is None:
        RunFolder(config.run).read_config()  # a run that is not there is no model of the hub
    model, tokenizer = load_pretrained(config.model or str(config.run.resolve()))
    family_of(model.config)  # refuses a shape that transformers lacks before a file is written
    (config.to / "config.json").unlink(missing_ok=True)  # it comes back last, when all is there
    to_hugging_face(tokenizer, config.to)
    write_model(config.to, model, tokenizer.end_of_text, beginning(tokenizer))
    say(f"open it with: AutoModelForCausalLM.from_pretrained({str(config.to)!r})")
    return 0


def beginning(tokenizer: Tokenizer) -> int:
    """The token that begins a text: its own in a published model, and in ours the one that ends."""
    if isinstance(tokenizer, PretrainedTokenizer) and "bos_token" in tokenizer.roles:
        return tokenizer.ids[tokenizer.roles["bos_token"]]
    return tokenizer.end_of_text
