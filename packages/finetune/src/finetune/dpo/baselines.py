"""TRL's preference losses, on a small Llama and a tokenizer made in code; needs `baselines`.

A trainer is built as its users build it, from text, and asked for the loss of its own first batch
of 8 rows. Our losses then read the very tokens of that batch.
"""

import copy
import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # else importing ORPO and SimPO warns
os.environ.setdefault("TQDM_DISABLE", "1")

try:
    import datasets
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedModel, PreTrainedTokenizerFast
    from trl.experimental.cpo import CPOConfig, CPOTrainer
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/finetune[baselines]'"
    ) from error

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from finetune.conversations.rows import Rows
from finetune.sft.policy import Policy, share_layers_as
from gpt.baselines import named_gradients, to_our_model
from gpt.pretrained.weights import weights_from_transformers

BATCH_SIZE = 8  # of a batch: 8 pairs, or 8 single answers
WORDS = ("<end>", "<pad>", "<unknown>", *(f"w{number}" for number in range(3, 96)))

datasets.disable_progress_bars()
logging.getLogger("trl").setLevel(logging.ERROR)


def trl_version() -> str:
    """Name and version of trl."""
    return f"trl {installed('trl')}"


@contextmanager
def without_trl_warnings() -> Iterator[None]:
    """Silence warnings of transformers about settings of trl that will be renamed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def word_tokenizer() -> PreTrainedTokenizerFast:
    """Tokenizer of 96 words, w3 to w95 and three special tokens; every word is one token."""
    words = Tokenizer(models.WordLevel(dict(zip(WORDS, range(96), strict=True)), WORDS[2]))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = dict(zip(("eos_token", "pad_token", "unk_token"), WORDS, strict=False))
    return PreTrainedTokenizerFast(tokenizer_object=words, **marks)


def random_text(generator: random.Random, low: int, high: int) -> str:
    """Return n random words."""
    return "".join(f" w{generator.randint(3, 95)}" for _ in range(generator.randint(low, high)))


def pair_dataset(seed: int) -> datasets.Dataset:
    """A batch of prompts, each with two answers of different lengths."""
    draw = random.Random(seed)
    columns = {"prompt": (2, 9), "chosen": (1, 9), "rejected": (3, 12)}
    rows = [
        {name: random_text(draw, *sizes) for name, sizes in columns.items()}
        for _ in range(BATCH_SIZE)
    ]
    return datasets.Dataset.from_list(rows)


def labelled_dataset(seed: int) -> datasets.Dataset:
    """A batch of prompts, each with one answer; five of the eight were called good."""
    draw = random.Random(seed)
    rows = [
        {
            "prompt": random_text(draw, 2, 9),
            "completion": random_text(draw, 1, 12),
            "label": row % 8 < 5,
        }
        for row in range(BATCH_SIZE)
    ]
    return datasets.Dataset.from_list(rows)


def trl_options(folder: Path) -> dict[str, Any]:
    """Settings of every comparison: full precision, fixed order of rows, no files, no reports."""
    return {
        "output_dir": str(folder),
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "disable_tqdm": True,
        "train_sampling_strategy": "sequential",
        "max_steps": 1,
        "per_device_train_batch_size": BATCH_SIZE,
    }


def text_dpo_trainer(
    policy: PreTrainedModel, reference: PreTrainedModel, folder: Path, seed: int, **options: Any
) -> DPOTrainer:
    """Trainer of DPO, IPO or robust DPO, chosen by `loss_type`."""
    with without_trl_warnings():
        return DPOTrainer(
            copy.deepcopy(policy),
            copy.deepcopy(reference),
            args=DPOConfig(**trl_options(folder), **options),
            train_dataset=pair_dataset(seed),
            processing_class=word_tokenizer(),
        )


def kto_trainer(
    policy: PreTrainedModel, reference: PreTrainedModel, folder: Path, seed: int, **options: Any
) -> KTOTrainer:
    """Trainer of KTO, with the reference model given."""
    with without_trl_warnings():
        return KTOTrainer(
            copy.deepcopy(policy),
            copy.deepcopy(reference),
            args=KTOConfig(**trl_options(folder), **options),
            train_dataset=labelled_dataset(seed),
            processing_class=word_tokenizer(),
        )


def orpo_trainer(policy: PreTrainedModel, folder: Path, seed: int, **options: Any) -> ORPOTrainer:
    """Trainer of ORPO, which needs no reference model."""
    with without_trl_warnings():
        return ORPOTrainer(
            copy.deepcopy(policy),
            args=ORPOConfig(**trl_options(folder), remove_unused_columns=False, **options),
            train_dataset=pair_dataset(seed),
            processing_class=word_tokenizer(),
        )


def cpo_trainer(policy: PreTrainedModel, folder: Path, seed: int, **options: Any) -> CPOTrainer:
    """Trainer of SimPO, chosen by `loss_type`, or of a conservative loss with `label_smoothing`."""
    with without_trl_warnings():
        return CPOTrainer(
            copy.deepcopy(policy),
            args=CPOConfig(**trl_options(folder), remove_unused_columns=False, **options),
            train_dataset=pair_dataset(seed),
            processing_class=word_tokenizer(),
        )


def first_batch(trainer: Any) -> dict[str, Any]:
    """Return the first batch of the trainer's own data loader."""
    return dict(next(iter(trainer.get_train_dataloader())))


def library_loss(trainer: Any, batch: dict[str, Any]) -> Float[Tensor, ""]:
    """Return the loss that the trainer would use for its step."""
    with without_trl_warnings():
        return trainer.compute_loss(trainer.model, dict(batch))


def library_gradients(trainer: Any, ours: Policy) -> dict[str, Tensor]:
    """Return the gradients in the trainer's model, under our names."""
    return weights_from_transformers(named_gradients(trainer.model), ours.config)


def policy_copy(model: PreTrainedModel) -> Policy:
    """Return our policy with copies of a library model's weights."""
    return share_layers_as(Policy, to_our_model(model))


def completion_rows(batch: dict[str, Any], prefix: str = "") -> Rows:
    """Return the rows of a DPO or KTO batch; KTO's mismatched answers have the prefix KL_."""
    tokens, mask, real = (
        batch[prefix + name] for name in ("input_ids", "completion_mask", "attention_mask")
    )
    return Rows(tokens, mask.bool(), real.sum(dim=1))


def chosen_rejected_rows(batch: dict[str, Any]) -> Rows:
    """Return the rows of an ORPO or CPO batch, whose two halves are padded separately."""
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
    """Stack two blocks of rows, padded to the wider one."""
    width = max(upper.tokens.shape[1], lower.tokens.shape[1])
    tokens, mask = (
        torch.cat([F.pad(each, (0, width - each.shape[1])) for each in both])
        for both in ((upper.tokens, lower.tokens), (upper.mask, lower.mask))
    )
    return Rows(tokens, mask, torch.cat([upper.lengths, lower.lengths]))
