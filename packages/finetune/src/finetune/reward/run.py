"""Training a reward model in a run folder: options, data and training."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro
from torch import nn
from tyro.conf import arg

from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.sampled_pairs import sample_ranked_pairs
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import Task, drop_held_out_prompts, keep_usable, pair_task
from finetune.dpo.pairs import encode_pair, pair_batches, pair_rows, pair_selection
from finetune.options import FinetuneLoopConfig, PairOptions
from finetune.reward.loss import reward_loss
from finetune.reward.scorer import as_scorer
from finetune.reward.training import train_reward_model
from finetune.runs import (
    N_VALIDATION,
    describe_trained_weights,
    load_to_train,
    reported_selection,
)
from finetune.sft.training import validation_loss
from gpt.policy.rows import EpochSampler, split_into_batches
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import LoopConfig

REWARD_LOOP = FinetuneLoopConfig(steps=300, learning_rate=1e-3, weight_decay=0.01, save_every=100)


@dataclass(frozen=True)
class RewardConfig(PairOptions):
    """Train a reward model, by default on documented answers and corrupted copies of them."""

    command: ClassVar[str] = "finetune reward"

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = REWARD_LOOP
    name: str = "reward"
    sample_from: Annotated[str | None, arg(help_behavior_hint="(default: only --data)")] = None
    """Besides --data, train on pairs of answers of this model, ranked by a fixed rule.
    The rule checks that answers end, are brief, do not repeat themselves and are on topic."""


def load_scored_pairs(config: RewardConfig, assistant: Assistant) -> Task[PreferencePair]:
    """Load the pairs that fit into the context, from data and, if asked for, from a model."""
    selection = pair_selection(config, assistant)
    with reported_selection(selection):
        task = pair_task(config.data, selection)
        if config.sample_from is not None:
            sampler = load_assistant(config.sample_from, base=config.base)
            joined = task + keep_usable(sample_ranked_pairs(sampler), selection)
            task = drop_held_out_prompts(joined)
            if n := len(joined.train) - len(task.train):
                report_message(f"{n} training pairs are dropped, as their questions are held out")
    return task


def run_reward(run: TrainingRun, config: RewardConfig) -> None:
    """Train a reward model on the pairs of a run, from its last checkpoint."""
    assistant, task = load_to_train(run, PreferencePair)
    scorer = as_scorer(assistant.model)
    pairs, held_out = (
        [encode_pair(assistant, pair, config.context) for pair in items]
        for items in (task.train, task.held_out[:N_VALIDATION])
    )
    epochs = EpochSampler(len(pairs), config.batch_size, config.loop.seed)
    size = config.micro_batch_size or config.batch_size
    batches = pair_batches(pairs, epochs, size, run.device)

    def validate(model: nn.Module) -> float:
        parts = split_into_batches(held_out, size)
        return validation_loss(
            reward_loss, model, (pair_rows(part).to(run.device) for part in parts)
        )

    start, checkpoints = run.last_checkpoint(), run.folder.checkpoints
    records = train_reward_model(scorer, batches, config.loop, validate, start, checkpoints)
    run.follow(
        records,
        steps=config.loop.steps,
        title=describe_trained_weights(scorer),
        tokens_per_step=2 * config.batch_size * config.context,
    )
