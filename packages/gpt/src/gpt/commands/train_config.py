"""What `gpt train` can be told, and what a resumed run keeps."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from gpt.errors import BadInput
from gpt.model.config import FeedForwardKind, GPTConfig, PositionKind
from gpt.model.presets import find_preset
from gpt.runs.folder import TRAIN_COMMAND
from gpt.runs.resume import read_saved_config
from gpt.training.loop import LoopConfig
from gpt.training.recipes import FAST_RECIPE, RECIPES, RecipeName


@dataclass(frozen=True)
class TrainConfig:
    """Train a GPT on a text; with no options, on the documentation inside this Python."""

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = FAST_RECIPE.loop
    """How to train; in Python, give the loop of the recipe too."""
    data: str | None = "python"
    """`python` (its documentation), a text file, a folder of text files, or hub:OWNER/NAME, also
    with :CONFIGURATION. Not needed with --resume: if given, the text must be the one that the run
    started with; its path may differ."""
    max_characters: int = 50_000_000
    """Where a larger source is cut off."""
    validation_share: float = 0.1
    """Share of the text, in whole documents, that is never trained on."""
    tokenizer: Literal["bpe", "character"] = "bpe"
    """Byte-pair encoding trained on the text, or one token a character."""
    vocab_size: int = 1024
    """Tokens of the BPE; on two megabytes more of them are too rare to learn."""
    recipe: RecipeName = "fast"
    """The parts of the model and the defaults of the training: plain as GPT-2, or fast, with
    Muon and the parts of newer models. Any option changes a part of it."""
    preset: str = "small"
    """Size of the model: nano, tiny, small or gpt2. The options below change parts of it."""
    context: int | None = None
    """Longest sequence, in tokens."""
    n_layers: int | None = None
    """Blocks in the stack."""
    n_heads: int | None = None
    """Attentions side by side."""
    n_kv_heads: int | None = None
    """Key-value heads; fewer than n_heads makes groups that share them."""
    d_model: int | None = None
    """Width; the feed-forward layer becomes four times as wide."""
    positions: PositionKind | None = None
    """A learned table, waves, rotated queries and keys, a penalty on distance, or nothing."""
    norm: Literal["pre", "post"] | None = None
    """Normalise before each half of a block, or after it."""
    norm_kind: Literal["layer", "rms"] | None = None
    """LayerNorm, or RMSNorm."""
    feed_forward: FeedForwardKind | None = None
    """The bend of the feed-forward layer."""
    ff_bias: bool | None = None
    """Whether the feed-forward layer has biases."""
    attention_bias: bool | None = None
    """Whether the projections of attention have biases."""
    head_bias: bool | None = None
    """Whether every token has a bias at the head."""
    tied_head: bool | None = None
    """Score tokens by their own embeddings, or by a second table."""
    dropout: float | None = None
    """Share of numbers zeroed in training."""
    batch_size: int = 16
    """Sequences in a step."""
    micro_batch: int | None = None
    """Sequences at a time in a process, to save memory; the gradient is the same. Default: all."""
    name: str = "gpt"
    """The run's folder below `runs`."""
    runs: Path = Path("runs")
    """Where run folders lie."""
    resume: Path | None = None
    """Go on with the run in this folder, with its own settings."""
    overwrite: bool = False
    """Replace a run of the same name."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a report."""

    def __post_init__(self) -> None:
        """Refuse what makes no run."""
        if self.data is None and self.resume is None:
            raise BadInput("there is no text to train on; name one with --data")
        find_preset(self.preset)
        for name in ("batch_size", "micro_batch", "max_characters"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")
        if not 0 < self.validation_share < 1:
            raise BadInput(f"validation_share must lie in (0, 1), got {self.validation_share}")

    def model(self, vocab_size: int) -> GPTConfig:
        """The preset with the parts of the recipe and the changes asked for."""
        asked = {
            name: getattr(self, name) for name in SHAPE_OPTIONS if getattr(self, name) is not None
        }
        if "d_model" in asked:
            asked["d_ff"] = 4 * asked["d_model"]
        changes = RECIPES[self.recipe].parts | asked
        return dataclasses.replace(find_preset(self.preset), vocab_size=vocab_size, **changes)

    def defaults(self) -> "TrainConfig":
        """Defaults for options not given: those of the run to resume, but no text; or the recipe's.

        The tokens of a run lie in its folder.
        """
        if self.resume is not None:
            saved = read_saved_config(TrainConfig, self.resume, TRAIN_COMMAND)
            return dataclasses.replace(saved, data=None)
        return TrainConfig(loop=RECIPES[self.recipe].loop, recipe=self.recipe)


SHAPE_OPTIONS = (
    *("context", "n_layers", "n_heads", "n_kv_heads", "d_model", "positions", "norm", "norm_kind"),
    *("feed_forward", "ff_bias", "attention_bias", "head_bias", "tied_head", "dropout"),
)  # the options that are fields of GPTConfig
