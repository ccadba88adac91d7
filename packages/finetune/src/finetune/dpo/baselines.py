"""trl's KTO, ORPO and CPO, and one batch of each preference trainer; needs the extra `baselines`.

A trainer is built as its users build it, from text, and gives the loss of its own first batch of 8
rows. Our losses then read the same tokens.
"""

import copy
import os
import random
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # else importing ORPO and SimPO warns

import datasets
import torch
import torch.nn.functional as F
from transformers import PreTrainedModel, Trainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from finetune.baselines import dpo_trainer, pair_dataset
from finetune.dpo.pairs import TokenPair
from gpt.baselines import without_future_warnings
from gpt.comparison.baselines import id_tokenizer, spell_tokens, training_arguments
from gpt.policy.rows import Rows

BATCH_SIZE = 8  # pairs of a batch, or single answers
VOCAB_SIZE = 96  # the first three ids occur in no text
ONE_BATCH = {"steps": 1, "batch_size": BATCH_SIZE, "rate": 0.0}  # enough for its loss


def random_tokens(generator: random.Random, low: int, high: int) -> list[int]:
    """Draw between `low` and `high` ids."""
    n_tokens = generator.randint(low, high)
    return [generator.randint(3, VOCAB_SIZE - 1) for _ in range(n_tokens)]


def random_pairs(seed: int) -> list[TokenPair]:
    """Draw a batch of prompts, each with two answers of different lengths."""
    draw = random.Random(seed)
    return [
        TokenPair(random_tokens(draw, 2, 9), random_tokens(draw, 1, 9), random_tokens(draw, 3, 12))
        for _ in range(BATCH_SIZE)
    ]


def labelled_dataset(seed: int) -> datasets.Dataset:
    """Draw a batch of prompts with one answer each; five of the eight are labelled good."""
    draw = random.Random(seed)
    rows = [
        {
            "prompt": spell_tokens(random_tokens(draw, 2, 9)),
            "completion": spell_tokens(random_tokens(draw, 1, 12)),
            "label": row < 5,
        }
        for row in range(BATCH_SIZE)
    ]
    return datasets.Dataset.from_list(rows)


def text_dpo_trainer(
    policy: PreTrainedModel, reference: PreTrainedModel, folder: Path, seed: int, **options: Any
) -> DPOTrainer:
    """Build DPO, IPO or robust DPO, by `loss_type`, around copies of the models."""
    models = copy.deepcopy(policy), copy.deepcopy(reference)
    arguments = training_arguments(folder, **ONE_BATCH)
    return dpo_trainer(*models, random_pairs(seed), arguments | options)


def kto_trainer(
    policy: PreTrainedModel, reference: PreTrainedModel, folder: Path, seed: int, **options: Any
) -> KTOTrainer:
    """Build KTO around copies of the models."""
    with without_future_warnings():
        return KTOTrainer(
            copy.deepcopy(policy),
            copy.deepcopy(reference),
            args=KTOConfig(**training_arguments(folder, **ONE_BATCH), **options),
            train_dataset=labelled_dataset(seed),
            processing_class=id_tokenizer(VOCAB_SIZE),
        )


def orpo_trainer(policy: PreTrainedModel, folder: Path, seed: int, **options: Any) -> ORPOTrainer:
    """Build ORPO around a copy of the model."""
    arguments = training_arguments(folder, **ONE_BATCH)
    with without_future_warnings():
        return ORPOTrainer(
            copy.deepcopy(policy),
            args=ORPOConfig(**arguments, remove_unused_columns=False, **options),
            train_dataset=pair_dataset(random_pairs(seed)),
            processing_class=id_tokenizer(VOCAB_SIZE),
        )


def cpo_trainer(policy: PreTrainedModel, folder: Path, seed: int, **options: Any) -> CPOTrainer:
    """Build SimPO (by `loss_type`) or conservative DPO (by `label_smoothing`)."""
    arguments = training_arguments(folder, **ONE_BATCH)
    with without_future_warnings():
        return CPOTrainer(
            copy.deepcopy(policy),
            args=CPOConfig(**arguments, remove_unused_columns=False, **options),
            train_dataset=pair_dataset(random_pairs(seed)),
            processing_class=id_tokenizer(VOCAB_SIZE),
        )


def first_batch(trainer: Trainer) -> dict[str, Any]:
    """Return the first batch as the trainer's own loader makes it."""
    return dict(next(iter(trainer.get_train_dataloader())))


def completion_rows(batch: dict[str, Any], prefix: str = "") -> Rows:
    """Rows of a DPO or KTO batch; the prefix of KTO's mismatched answers is KL_."""
    tokens, mask, real = (
        batch[prefix + name] for name in ("input_ids", "completion_mask", "attention_mask")
    )
    return Rows(tokens, mask.bool(), real.sum(dim=1))


def chosen_rejected_rows(batch: dict[str, Any]) -> Rows:
    """Rows of an ORPO or CPO batch, whose two halves have different widths."""
    halves = [
        Rows(
            batch[f"{side}_input_ids"],
            batch[f"{side}_labels"] != -100,
            batch[f"{side}_attention_mask"].sum(dim=1),
        )
        for side in ("chosen", "rejected")
    ]
    return stack_rows(*halves)


def stack_rows(upper: Rows, lower: Rows) -> Rows:
    """Stack two blocks of rows, padded to the width of the wider one."""
    width = max(upper.tokens.shape[1], lower.tokens.shape[1])
    tokens, mask = (
        torch.cat([F.pad(each, (0, width - each.shape[1])) for each in both])
        for both in ((upper.tokens, lower.tokens), (upper.mask, lower.mask))
    )
    return Rows(tokens, mask, torch.cat([upper.lengths, lower.lengths]))
