"""Options that the training commands share, in addition to those of gpt's training commands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import tyro
from tyro.conf import arg

from finetune.assistant.base_model import BASE_NAME
from finetune.datasets.selection import Selection
from gpt.errors import BadInput
from gpt.runs.options import RunOptions

_Value = TypeVar("_Value")
Hidden = tyro.conf.Suppress[tyro.conf.Fixed[_Value]]
"""An inherited option that a command does not have."""


@dataclass(frozen=True)
class FinetuneOptions(RunOptions):
    """Options of every training command: the model to start from, and its adapters."""

    model: str = BASE_NAME
    """Model to start from: base (a small model, trained first if there is none), a run folder,
    smollm2, a folder in the layout of transformers, or a hub id."""
    base: Annotated[str | None, arg(help_behavior_hint="(default: named by the adapter)")] = None
    """Base model, if --model is an adapter and its base is not where the adapter says."""
    format: str = "auto"
    """Format of conversations: auto (the model's own), template, alpaca, chatml, llama-2 or plain.
    """
    rank: Annotated[
        int | None, arg(help_behavior_hint="(default: 16 for large models, else 0)")
    ] = None
    """Rank of the LoRA adapters. Higher ranks train more weights; 0 trains all weights."""
    alpha: float = 32.0
    """LoRA's update is scaled by alpha / rank; higher values learn faster."""
    quantised: bool = False
    """Store the frozen matrices in four bits (nf4) to save memory, as QLoRA does."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range.
        """
        super().__post_init__()
        if self.rank is not None and self.rank < 0:
            raise BadInput(f"rank must be at least 0, got {self.rank}")
        if not 0 < self.alpha < float("inf"):
            raise BadInput(f"alpha must be a positive number, got {self.alpha}")


@dataclass(frozen=True)
class DataOptions(FinetuneOptions):
    """Options of commands that train on conversations or pairs."""

    data: str = "python"
    """`python` (questions about its library), a file, or hub:OWNER/NAME."""
    ignore_columns: str = ""
    """Columns of --data, or keys of its turns, to ignore, separated by commas. Without it, a column
    whose meaning would be lost is an error."""
    skip_unusable: bool = False
    """Leave out rows of --data that cannot be used, such as those with an empty answer, and show
    the first three. Without it, the first such row is an error."""
    context: int = 128
    """Longest row, in tokens. Longer conversations are truncated; longer pairs are left out."""

    def __post_init__(self) -> None:
        """Check the numbers, and that options for the rows of a file come with a file.

        Raises:
            BadInput: one of them cannot be used.
        """
        super().__post_init__()
        if self.context < 1:
            raise BadInput(f"context must be at least 1, got {self.context}")
        if self.data == "python" and (self.ignore_columns or self.skip_unusable):
            raise BadInput(
                "--ignore-columns and --skip-unusable are for the rows of a file; name it with "
                "--data FILE"
            )

    def selection(self, check: Callable[[Any], object], noun: str) -> Selection[Any]:
        """Return the selection of the data's items that pass a check."""
        names = tuple(filter(None, map(str.strip, self.ignore_columns.split(","))))
        return Selection(check, noun, self.context, names, self.skip_unusable)
