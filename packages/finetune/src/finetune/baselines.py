"""trl's trainers for SFT, reward models and DPO, built as their users build them.

Needs the extra `baselines`. All trainers train Llamas with random weights on token ids, which
`gpt.comparison.baselines` spells as text. `finetune.dpo.baselines` adds KTO, ORPO and CPO.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

try:
    import datasets
    from transformers import (
        AutoModelForSequenceClassification,
        LlamaConfig,
        PreTrainedModel,
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

from finetune.dpo.pairs import TokenPair
from finetune.reward.scorer import Scorer, as_scorer
from gpt.baselines import library_model, without_future_warnings
from gpt.comparison.baselines import END_ID, PADDING_ID, id_tokenizer, spell_tokens
from gpt.model.config import GPTConfig
from gpt.policy.rows import Example
from gpt.pretrained.folders import from_transformers
from gpt.pretrained.smollm2 import SMOLLM2_135M

TINY_SHAPE = GPTConfig(1024, 2048, n_layers=4, n_heads=4, n_kv_heads=2, d_model=128, d_ff=256)
"""A shape that a laptop trains in a minute."""

datasets.disable_progress_bars()
logging.getLogger("trl").setLevel(logging.ERROR)


def llama_config(size: str) -> LlamaConfig:
    """Return the config of a Llama of the size `tiny` or `smollm2`."""
    shape = {"tiny": TINY_SHAPE, "smollm2": SMOLLM2_135M}[size]
    return LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_ff,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        num_key_value_heads=shape.kv_heads,
        bos_token_id=END_ID,
        eos_token_id=END_ID,
        pad_token_id=PADDING_ID,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
    )


def llama_model(size: str) -> PreTrainedModel:
    """Make a language model of this size in which every weight is random."""
    return library_model(llama_config(size), scale=0.02)


def llama_reward_model(size: str) -> PreTrainedModel:
    """Make a model of this size with one output, as RewardTrainer expects; all weights random."""
    config = llama_config(size)
    config.num_labels = 1
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return model


def our_scorer(model: PreTrainedModel) -> Scorer:
    """Copy the weights of a reward model into our scorer."""
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    head = weights.pop("score.weight")
    scorer = as_scorer(from_transformers(model.config.to_dict(), weights))
    scorer.score.weight = nn.Parameter(head)
    return scorer


def sft_trainer(
    model: PreTrainedModel, examples: Sequence[Example], arguments: dict[str, Any]
) -> SFTTrainer:
    """Fine-tune on the tokens under the mask; the label -100 excludes the others from the loss."""
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
            args=SFTConfig(**arguments),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=id_tokenizer(model.config.vocab_size),
        )


def reward_trainer(
    model: PreTrainedModel, pairs: Sequence[TokenPair], arguments: dict[str, Any]
) -> RewardTrainer:
    """Train a reward model on pairs."""
    rows = [
        {"chosen_ids": prompt + chosen, "rejected_ids": prompt + rejected}
        for prompt, chosen, rejected in pairs
    ]
    with without_future_warnings():
        return RewardTrainer(
            model,
            args=RewardConfig(**arguments),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=id_tokenizer(model.config.vocab_size),
        )


def dpo_trainer(
    model: PreTrainedModel,
    reference: PreTrainedModel,
    pairs: Sequence[TokenPair],
    arguments: dict[str, Any],
) -> DPOTrainer:
    """Train with DPO, IPO or robust DPO, by `loss_type`; each step also runs the reference."""
    with without_future_warnings():
        return DPOTrainer(
            model,
            reference,
            args=DPOConfig(**arguments),
            train_dataset=pair_dataset(pairs),
            processing_class=id_tokenizer(model.config.vocab_size),
        )


def pair_dataset(pairs: Sequence[TokenPair]) -> datasets.Dataset:
    """Pairs as a dataset of texts."""
    rows = [dict(zip(TokenPair._fields, map(spell_tokens, pair), strict=True)) for pair in pairs]
    return datasets.Dataset.from_list(rows)
