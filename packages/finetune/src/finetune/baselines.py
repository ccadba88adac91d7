"""trl's trainers for SFT, rewards and DPO, as their users build them; needs the extra `baselines`.

All of them train Llamas made in code, on token ids. A trainer turns its data into text or ids by
itself, so a tokenizer whose words are the ids' own names stands between: no boundary can move.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

try:
    import datasets
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        AutoModelForSequenceClassification,
        LlamaConfig,
        PreTrainedModel,
        PreTrainedTokenizerFast,
        PrinterCallback,
        TrainerCallback,
    )
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/finetune[baselines]'"
    ) from error

import torch
from torch import nn

from finetune.conversations.rows import Example
from finetune.dpo.pairs import TokenPair
from finetune.reward.scorer import Scorer, as_scorer
from finetune.sft.policy import Policy, share_layers_as
from gpt.baselines import library_model, to_our_model
from gpt.pretrained.folders import from_transformers
from gpt.pretrained.shapes import config_to_transformers
from gpt.pretrained.smollm2 import SMOLLM2_135M

END_ID, PADDING_ID = 0, 1
"""Ids of the two marks; every other id is a word."""

LOGGING_STEPS = 10
"""Steps between two reports of a trainer, unless it is told otherwise."""

datasets.disable_progress_bars()
logging.getLogger("trl").setLevel(logging.ERROR)


def library_version(library: str = "trl") -> str:
    """Name and version of an installed library."""
    return f"{library} {installed(library)}"


def llama_config(size: str) -> LlamaConfig:
    """A Llama as small as the models that a laptop trains in a minute, or SmolLM2's shape."""
    shapes: dict[str, dict[str, Any]] = {
        "tiny": {
            "vocab_size": 1024,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
        },
    }
    smollm2 = config_to_transformers(SMOLLM2_135M)
    shapes["smollm2"] = {name: smollm2[name] for name in shapes["tiny"]}
    marks: dict[str, Any] = {
        "bos_token_id": END_ID,
        "eos_token_id": END_ID,
        "pad_token_id": PADDING_ID,
    }
    return LlamaConfig(**shapes[size], **marks, tie_word_embeddings=True, rms_norm_eps=1e-5)


def llama_model(size: str) -> PreTrainedModel:
    """A language model of that shape, all of its weights random."""
    return library_model(llama_config(size), scale=0.02)


def llama_reward_model(size: str) -> PreTrainedModel:
    """The same body with one number for a head, as RewardTrainer wants it."""
    config = llama_config(size)
    config.num_labels = 1
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return model


def our_policy(model: PreTrainedModel) -> Policy:
    """Our policy with copies of its weights."""
    return share_layers_as(Policy, to_our_model(model))


def our_scorer(model: PreTrainedModel) -> Scorer:
    """Our scorer with copies of its weights."""
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    head = weights.pop("score.weight")
    scorer = as_scorer(from_transformers(model.config.to_dict(), weights))
    scorer.score.weight = nn.Parameter(head)
    return scorer


def training_arguments(folder: Path, steps: int, batch_size: int, rate: float) -> dict[str, Any]:
    """What every comparison needs: full precision, one order, one rate, no files.

    Unset, the trainers compute in bf16 and run each layer twice (activation checkpointing).
    """
    return {
        "output_dir": str(folder),
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "logging_strategy": "no",  # `train_and_log` asks for reports
        "disable_tqdm": True,
        "lr_scheduler_type": "constant",
        "learning_rate": rate,
        "train_sampling_strategy": "sequential",
        "max_steps": steps,
        "per_device_train_batch_size": batch_size,
    }


def sft_trainer(
    model: PreTrainedModel, examples: Sequence[Example], settings: dict[str, Any]
) -> SFTTrainer:
    """Supervised fine-tuning on the tokens that count; -100 hides the others from the loss."""
    rows = [
        {
            "input_ids": tokens,
            "labels": [
                token if counts else -100 for token, counts in zip(tokens, mask, strict=True)
            ],
        }
        for tokens, mask in examples
    ]
    with without_future_warnings():
        return SFTTrainer(
            model,
            args=SFTConfig(**settings),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=id_tokenizer(model.config.vocab_size),
        )


def reward_trainer(
    model: PreTrainedModel, pairs: Sequence[TokenPair], settings: dict[str, Any]
) -> RewardTrainer:
    """A reward model from pairs."""
    rows = [
        {"chosen_ids": prompt + chosen, "rejected_ids": prompt + rejected}
        for prompt, chosen, rejected in pairs
    ]
    with without_future_warnings():
        return RewardTrainer(
            model,
            args=RewardConfig(**settings),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=id_tokenizer(model.config.vocab_size),
        )


def dpo_trainer(
    model: PreTrainedModel,
    reference: PreTrainedModel,
    pairs: Sequence[TokenPair],
    settings: dict[str, Any],
) -> DPOTrainer:
    """DPO and its siblings, by `loss_type`; the reference is asked within every step."""
    rows = [dict(zip(TokenPair._fields, map(spell_tokens, pair), strict=True)) for pair in pairs]
    with without_future_warnings():
        return DPOTrainer(
            model,
            reference,
            args=DPOConfig(**settings),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=id_tokenizer(model.config.vocab_size),
        )


def id_tokenizer(vocab_size: int) -> PreTrainedTokenizerFast:
    """Id 17 is the word 17; words stand apart."""
    ids = {token_word(token): token for token in range(vocab_size)}
    words = Tokenizer(models.WordLevel(ids, token_word(PADDING_ID)))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = {"eos_token": token_word(END_ID), "pad_token": token_word(PADDING_ID)}
    return PreTrainedTokenizerFast(tokenizer_object=words, **marks)


def token_word(token: int) -> str:
    """How an id is spelt; marks so that they are no part of another word."""
    return {END_ID: "<end>", PADDING_ID: "<pad>"}.get(token, str(token))


def spell_tokens(tokens: Sequence[int]) -> str:
    """The ids as text."""
    return "".join(f" {token_word(token)}" for token in tokens)


def train_and_log(trainer: Any, after_step: Callable[[int], None], checked: int) -> list[float]:
    """Train; the losses that the trainer reports: of each step at first, then means of some.

    Between two steps `after_step` is called with the number of steps done.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(StepCallback(after_step, checked))
    with without_future_warnings():
        trainer.train()
    return [record["loss"] for record in trainer.state.log_history if "loss" in record]


class StepCallback(TrainerCallback):
    """Calls a function after each step; asks for a report of the first steps and of every tenth."""

    def __init__(self, function: Callable[[int], None], checked: int) -> None:
        self.function, self.checked = function, checked

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """The trainer's own place for such calls, behind the update and before its report."""
        step = state.global_step
        control.should_log = step <= self.checked or step % LOGGING_STEPS == 0
        self.function(step)


@contextmanager
def without_future_warnings() -> Iterator[None]:
    """Without what trl makes transformers say about settings that are about to be renamed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
