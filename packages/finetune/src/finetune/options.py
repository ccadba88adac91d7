"""Options that the training commands share, in addition to those of gpt's training commands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import arg

from finetune.assistant.base_model import BASE_NAME
from finetune.datasets.selection import Selection
from gpt.errors import BadInput
from gpt.runs.options import RunOptions
from gpt.training.config import LoopConfig


@dataclass(frozen=True)
class FinetuneLoopConfig(LoopConfig):
    """Hyperparameters of the training loop, for a model that is already trained."""

    seed: int = LoopConfig.seed
    """Random seed of new adapters, of the order of the rows, and of the dropout."""


@dataclass(frozen=True)
class FinetuneOptions(RunOptions):
    """Options of every training command: the model to start from, and its adapters."""

    model: str = BASE_NAME
    """Model to start from: `base`, `smollm2`, a hub id or a folder.
    `base` is a small model inside --runs, which is trained first if it does not exist yet.
    A folder holds a run, an adapter or a model in transformers' format."""
    base: Annotated[str | None, arg(help_behavior_hint="(default: named by the adapter)")] = None
    """Base model of the adapter in --model, if it has moved from the path in the adapter's config.
    """
    format: str = "auto"
    """Format of conversations: alpaca, chatml, llama-2, plain, template or auto.
    `template` is the chat template of the model's tokenizer; `auto` takes the model's own format.
    """
    rank: Annotated[
        int | None, arg(help_behavior_hint="(default: 16 above 20 million weights, else 0)")
    ] = None
    """Rank of the LoRA adapters. Higher ranks train more weights; 0 trains all weights."""
    alpha: float = 32.0
    """Scale of LoRA's update, which is divided by the rank. Higher learns faster.
    Unused with --rank 0."""
    quantised: bool = False
    """Store the frozen matrices in four bits (nf4) to save memory, as QLoRA does.
    Steps become slower and the weights less exact; needs --rank above 0."""

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
    """Conversations to train on: `python`, a file, or hub:OWNER/NAME[:CONFIGURATION].
    `python` means questions about the library of this Python, with the documented answers."""
    ignore_columns: Annotated[str, arg(help_behavior_hint="(default: none)")] = ""
    """Columns of --data, or keys inside its turns, to ignore; separate them by commas.
    Any other column is an error if training would silently lose its content."""
    skip_unusable: bool = False
    """Leave out rows of --data that cannot be used, such as those with an empty answer.
    The first three are printed. By default, the first such row is an error."""
    context: int = 128
    """Longest row, in tokens; longer conversations are cut. Longer rows need more memory."""

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


@dataclass(frozen=True)
class PairOptions(DataOptions):
    """Options of commands that train on pairs of a better and a worse answer."""

    model: str = "runs/sft"
    batch_size: int = DataOptions.batch_size
    """Preference pairs per step. Larger batches give steadier gradients but slower steps."""
    micro_batch_size: Annotated[
        int | None, arg(help_behavior_hint="(default: the whole batch)")
    ] = None
    """Pairs per forward and backward pass.
    Fewer need less memory but are slower; the gradient is the same."""
    data: str = DataOptions.data
    """Pairs to train on: `python`, a file, or hub:OWNER/NAME[:CONFIGURATION].
    `python` pairs documented answers about the library of this Python with corrupted copies."""
    context: int = DataOptions.context
    """Longest row, in tokens; longer pairs are left out. Longer rows need more memory."""
