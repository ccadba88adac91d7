"""Load a model for conversations by its name.

A name is a run of this package (its weights or adapters on top of the model that it started from),
an adapter in peft's layout that names its base, or any name that `gpt.pretrained.loading` accepts:
a run of gpt, `smollm2`, a folder in the layout of transformers, a hub id.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from finetune.conversations.formats import Format
from finetune.conversations.special_tokens import extend_vocabulary, stop_token, with_special_tokens
from finetune.conversations.template import find_format
from finetune.lora.inject import LoraConfig, inject
from finetune.lora.merge import merged_copy
from finetune.lora.nf4 import quantise_model
from finetune.lora.peft_base import adapter_base, adapter_tokenizer, is_adapter, with_base_stop_ids
from finetune.lora.peft_files import read_adapter
from finetune.reward.scorer import Scorer, as_scorer
from gpt.errors import BadInput
from gpt.files import read_json
from gpt.model.gpt import GPT
from gpt.pretrained.loading import load_pretrained
from gpt.runs.checkpoints import best_checkpoint
from gpt.runs.folder import RunFolder
from gpt.runs.state import load_weights, select_prefix
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizers import Tokenizer

PROGRAM = "finetune"
LORA_THRESHOLD = 20_000_000
"""Number of weights above which a model is trained with LoRA by default."""


class Assistant(NamedTuple):
    """A model, its tokenizer and its conversation format."""

    model: GPT
    tokenizer: Tokenizer
    format: Format
    format_name: str
    """Name for `find_format`; `template` is the chat template of the tokenizer."""

    @property
    def stop(self) -> int:
        """Token that ends an answer."""
        return stop_token(self.format, self.tokenizer)


def load_assistant(name: str, format_name: str = "auto", base: str | None = None) -> Assistant:
    """Load a model on the CPU, ready to be trained further or to answer.

    Args:
        name: a run, an adapter, `smollm2`, a folder in the layout of transformers, or a hub id.
        format_name: a name for `find_format`, or `auto`: the format of its own training, else the
            chat template of its tokenizer, else ChatML with two new tokens.
        base: base model of an adapter, if it is not where the adapter's config says.

    Raises:
        BadInput: there is no such model, or it is a reward model.
    """
    command = read_run_settings(Path(name))
    if command is not None:
        assistant = load_run(Path(name), command)
        if format_name not in ("auto", assistant.format_name):
            raise BadInput(
                f"{name!r} was trained in the format {assistant.format_name!r}, not {format_name!r}"
            )
        return assistant
    if is_adapter(name):
        return load_adapter(Path(name), format_name, base)
    return to_assistant(*load_pretrained(name), format_name)


def to_assistant(model: GPT, tokenizer: Tokenizer, format_name: str) -> Assistant:
    """Add a conversation format to a published model or a run of gpt."""
    if isinstance(tokenizer, BytePairTokenizer) and format_name in ("auto", "chatml"):
        tokenizer = with_special_tokens(tokenizer)
        model = extend_vocabulary(model, tokenizer.vocab_size, torch.Generator().manual_seed(0))
        format_name = "chatml"
    if format_name == "auto":
        own = isinstance(tokenizer, PretrainedTokenizer) and tokenizer.chat_template is not None
        format_name = "template" if own else "plain"
    return Assistant(model, tokenizer, find_format(format_name, tokenizer), format_name)


def read_run_settings(path: Path) -> dict[str, Any] | None:
    """Read the settings of a run of this package; None if the folder is something else."""
    if not (path / "config.json").is_file() or "kind" not in read_json(path / "config.json"):
        return None
    config = RunFolder(path).read_config()
    if not config["kind"].startswith(PROGRAM):
        return None
    return config["command"] | {"kind": config["kind"]}


def load_run(path: Path, command: dict[str, Any]) -> Assistant:
    """Load the trained model of a run, with adapters merged."""
    if command["kind"] == f"{PROGRAM} reward":
        raise BadInput(f"{str(path)!r} is a reward model; it cannot generate answers")
    tuned = load_unmerged_run(path, command)
    return tuned._replace(model=merged_copy(tuned.model).eval())


def load_unmerged_run(path: Path, command: dict[str, Any]) -> Assistant:
    """Load the trained model of a run, with adapters kept separate."""
    start = load_before_training(command)
    model = add_adapters(start.model, command)
    learned = select_prefix(best_checkpoint(RunFolder(path).checkpoints).tensors, "model")
    if command["kind"] == f"{PROGRAM} ppo":
        learned = select_prefix(learned, "policy")
    load_weights(model, learned)
    return start._replace(model=model.eval())


def load_before_training(command: dict[str, Any]) -> Assistant:
    """Load the model that a run started from."""
    return load_assistant(command["model"], command["format"], command.get("base"))


def load_adapter(path: Path, format_name: str, base: str | None) -> Assistant:
    """Load an adapter merged into its base model, with the tokenizer of the adapter if it has one.

    Raises:
        BadInput: the base is missing, or its vocabulary is smaller than the adapter's.
    """
    base_name = adapter_base(path, base)
    tokenizer = adapter_tokenizer(path)
    start = load_assistant(base_name, format_name if tokenizer is None else "auto")
    if tokenizer is not None:
        tokenizer = with_base_stop_ids(tokenizer, start.tokenizer)
        if tokenizer.vocab_size > start.model.config.vocab_size:
            raise BadInput(
                f"the adapter in {str(path)!r} has a tokenizer of {tokenizer.vocab_size} tokens, "
                f"and its base {base_name!r} has {start.model.config.vocab_size}"
            )
        start = to_assistant(start.model, tokenizer, format_name)
    read_adapter(path, start.model)
    return start._replace(model=merged_copy(start.model).eval())


def load_scorer(path: Path) -> tuple[Scorer, Assistant]:
    """Load the reward model of a run, and the assistant that it was trained from.

    Raises:
        BadInput: the folder is not a run of `finetune reward`.
    """
    command = read_run_settings(path)
    if command is None or command["kind"] != f"{PROGRAM} reward":
        raise BadInput(
            f"there is no reward model in {str(path)!r}; train one with: finetune reward"
        )
    start = load_before_training(command)
    scorer = as_scorer(add_adapters(start.model, command))
    load_weights(
        scorer, select_prefix(best_checkpoint(RunFolder(path).checkpoints).tensors, "model")
    )
    return scorer.eval().requires_grad_(False), start


def add_adapters(model: GPT, command: dict[str, Any]) -> GPT:
    """Quantise the model and add new adapters, if the settings of a run say so."""
    if command.get("quantised"):
        quantise_model(model)
    if command["rank"]:
        inject(model, LoraConfig(command["rank"], command["alpha"]))
    return model
