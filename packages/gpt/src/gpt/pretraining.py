"""Pretraining: load a text, create a run folder, train a GPT in it."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
import tyro
from torch import nn
from tyro.conf import arg

from gpt.errors import BadInput
from gpt.evaluation.scores import negative_log_likelihoods
from gpt.model.config import FeedForwardKind, GPTConfig, PositionKind
from gpt.model.gpt import GPT
from gpt.model.presets import find_preset
from gpt.runs.folder import RunFolder
from gpt.runs.options import RunOptions
from gpt.runs.processes import local_rows, n_processes
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.text.documents import DocumentSplit, documents_sha256, load_documents, split_documents
from gpt.text.token_files import Batch, RandomWindows, encode_documents, micro_batches, save_tokens
from gpt.text.tokenizers import BytePairTokenizer, CharacterTokenizer, save_tokenizer
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import LoopConfig, train
from gpt.training.recipes import FAST_RECIPE, RECIPES, RecipeName

FromPreset = arg(help_behavior_hint=lambda value: f"(default: {value}, from --preset)")
FromRecipe = arg(help_behavior_hint=lambda value: f"(default: {value}, from --recipe)")


@dataclass(frozen=True)
class TrainConfig(RunOptions):
    """Train a GPT on a text; with no options, on the documentation inside this Python."""

    command: ClassVar[str] = "gpt train"
    changeable: ClassVar[tuple[str, ...]] = (*RunOptions.changeable, "data")

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = FAST_RECIPE.loop
    """Hyperparameters of the training loop.
    The defaults of optimizer, learning rates, momentum and schedule come from --recipe."""
    name: str = "gpt"
    data: str | None = "python"
    """Text to train on: a file, a folder, or hub:OWNER/NAME[:CONFIGURATION].
    python is the documentation inside this Python.
    With --resume, leave --data out, or name the run's own text."""
    max_characters: int = 50_000_000
    """Number of characters after which a larger source is cut off."""
    validation_share: float = 0.1
    """Fraction of the text, in whole documents, that is held out for validation.
    A larger one gives a steadier score and leaves less to train on."""
    tokenizer: Literal["bpe", "character"] = "bpe"
    """Byte-pair encoding trained on the text (bpe), or one token per character.
    With bpe, more text fits into the context."""
    vocab_size: int = 1024
    """Vocabulary size of the byte-pair encoding, unused with --tokenizer character.
    A larger one shortens texts, but each token is rarer."""
    recipe: RecipeName = "fast"
    """Architecture and hyperparameters: plain as in GPT-2, or fast, which learns faster."""
    preset: str = "small"
    """Size of the model, from smallest to largest: nano, tiny, small or gpt2."""
    context: Annotated[int | None, FromPreset] = None
    """Context length in tokens. A longer one shows the model more text, but is slower."""
    n_layers: Annotated[int | None, FromPreset] = None
    """Transformer blocks. More learn more, but are slower and need more memory."""
    n_heads: Annotated[int | None, FromPreset] = None
    """Attention heads per block, which divide --d-model equally. More heads are narrower."""
    n_kv_heads: Annotated[int | None, arg(help_behavior_hint="(default: --n-heads)")] = None
    """Key-value heads per block.
    With fewer than --n-heads, several heads share each (GQA), which makes the cache smaller."""
    d_model: Annotated[int | None, FromPreset] = None
    """Width of the residual stream. A wider one learns more, but is slower.
    The feed-forward layer is four times as wide."""
    positions: Annotated[PositionKind | None, FromRecipe] = None
    """Position encoding: how the model knows the order of tokens.
    learned and sinusoidal are added to the embeddings; rotary, alibi and t5 act in attention."""
    norm: Annotated[Literal["pre", "post"] | None, FromPreset] = None
    """Normalise before attention and before the feed-forward layer (pre, as in GPT-2), or after
    each of them (post, as in the original transformer)."""
    norm_kind: Annotated[Literal["layer", "rms"] | None, FromRecipe] = None
    """LayerNorm (layer), or RMSNorm (rms), which only scales and is faster."""
    feed_forward: Annotated[FeedForwardKind | None, FromRecipe] = None
    """Activation function of the feed-forward layer.
    Those with glu in their name multiply it by a second projection (a gate)."""
    ff_bias: Annotated[bool | None, FromRecipe] = None
    """Whether the feed-forward layer has biases, as in GPT-2."""
    attention_bias: Annotated[bool | None, FromPreset] = None
    """Whether the projections of attention have biases, as in GPT-2."""
    head_bias: Annotated[bool | None, FromPreset] = None
    """Whether the output head has a bias for each token of the vocabulary."""
    tied_head: Annotated[bool | None, FromPreset] = None
    """Whether the output head shares its weights with the embedding, for a smaller model."""
    dropout: Annotated[float | None, FromPreset] = None
    """Probability that dropout zeroes a number in training. Higher regularises more."""

    def __post_init__(self) -> None:
        """Check the text, the preset and the numbers.

        Raises:
            BadInput: one of them cannot be used.
        """
        super().__post_init__()
        if self.data is None and self.resume is None:
            raise BadInput("there is no text to train on; name one with --data")
        find_preset(self.preset)
        if self.max_characters < 1:
            raise BadInput(f"max_characters must be at least 1, got {self.max_characters}")
        if not 0 < self.validation_share < 1:
            raise BadInput(f"validation_share must lie in (0, 1), got {self.validation_share}")

    def model_config(self, vocab_size: int) -> GPTConfig:
        """Return the preset, changed by the recipe and then by the options that were given."""
        given = {
            name: value for name in SHAPE_OPTIONS if (value := getattr(self, name)) is not None
        }
        if "d_model" in given:
            given["d_ff"] = 4 * given["d_model"]
        fields = RECIPES[self.recipe].model_fields | given
        return dataclasses.replace(find_preset(self.preset), vocab_size=vocab_size, **fields)

    def with_defaults(self) -> "TrainConfig":
        """Defaults for options that are not given: those of a resumed run, else of the recipe.

        A resumed run needs no --data: its tokens are in its folder.
        """
        if self.resume is not None:
            return dataclasses.replace(self.saved(self.resume), data=None)
        recipe = TrainConfig(RECIPES[self.recipe].loop, recipe=self.recipe, preset=self.preset)
        model = recipe.model_config(self.vocab_size)
        return dataclasses.replace(recipe, **{name: getattr(model, name) for name in SHAPE_OPTIONS})


SHAPE_OPTIONS = (
    *("context", "n_layers", "n_heads", "n_kv_heads", "d_model", "positions", "norm", "norm_kind"),
    *("feed_forward", "ff_bias", "attention_bias", "head_bias", "tied_head", "dropout"),
)
"""Options that are fields of GPTConfig."""


def load_text(config: TrainConfig) -> DocumentSplit:
    """Load the documents, and hold some out for validation.

    Raises:
        BadInput: there is no text, or not enough of it.
    """
    notes: list[str] = []
    documents = load_documents(str(config.data), config.max_characters, notes)
    for note in notes:
        report_message(note)
    split = split_documents(documents, config.validation_share, config.loop.seed)
    if not split.validation:
        raise BadInput(f"{config.data!r} is too short to hold a document out for validation")
    return split


def create_run(folder: RunFolder, config: TrainConfig, text: DocumentSplit) -> None:
    """Write the tokenizer, the token files and the config of a new run.

    Everything is computed before anything is written, so an unusable text leaves no files behind.
    """
    if config.tokenizer == "bpe":
        tokenizer = BytePairTokenizer.train(text.train, config.vocab_size)
    else:
        tokenizer = CharacterTokenizer.train(text.train + text.validation)
    model_config = config.model_config(tokenizer.vocab_size)
    streams = [encode_documents(tokenizer, documents) for documents in text]
    for stream in streams:  # checks that each fills a window
        RandomWindows(stream, model_config.context, config.batch_size, config.loop.seed)
    folder.clear()
    save_tokenizer(folder.tokenizer, tokenizer)
    save_tokens(folder.train_tokens, streams[0])
    save_tokens(folder.validation_tokens, streams[1])
    sha256 = documents_sha256(text.train + text.validation)
    folder.write_config(model_config, sha256, config.settings(), config.command)


def pretrain(run: TrainingRun, config: TrainConfig) -> None:
    """Train the model of a run on the tokens in its folder, from its last checkpoint."""
    model_config = run.folder.model_config()
    torch.manual_seed(config.loop.seed)
    model = GPT(model_config).to(run.device)
    tokens, validation = run.folder.load_token_streams(model_config.vocab_size)
    windows = RandomWindows(tokens, model_config.context, config.batch_size, config.loop.seed)

    def batches(step: int) -> list[Batch]:
        batch = Batch(*map(local_rows, windows(step))).to(run.device)
        return micro_batches(batch, config.micro_batch_size or config.batch_size)

    def validate(model: nn.Module) -> float:
        return float(negative_log_likelihoods(model, validation, model_config.context).mean())

    start, checkpoints = run.last_checkpoint(), run.folder.checkpoints
    records = train(model, batches, next_token_loss, config.loop, validate, start, checkpoints)
    title = f"{model.n_parameters():,} parameters on {n_processes()} x {run.device.type}"
    run.follow(records, config.loop.steps, title, config.batch_size * model_config.context)
