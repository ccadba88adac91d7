"""Models of this package by path: a start model, or the run of a method that trained one."""

from pathlib import Path

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder, load_model
from reasoning.start.shipped import SHIPPED, load_start_model
from reasoning.tasks.vocabulary import TOKENIZER


def load_reasoner(path: Path | None = None) -> GPT:
    """Return the model in a file that `reasoning train` wrote, or of a run; by default, ours.

    Raises:
        BadInput: there is no model, or one with another vocabulary.
    """
    if path is None or path.is_file():
        return load_start_model(path or SHIPPED).model
    if not path.exists():
        raise BadInput(
            f"there is no model {str(path)!r}; give a start model or the folder of a run"
        )
    RunFolder(path).read_config("reasoning train")
    model, tokenizer, _ = load_model(path)
    if tokenizer.to_json() != TOKENIZER.to_json():
        raise BadInput(f"the model in {str(path)!r} has another vocabulary than this package")
    return model
