"""`finetune reward`: a model that says which of two answers is better, from pairs of them."""

import json as json_format
from dataclasses import dataclass
from typing import ClassVar

import torch
import tyro
from torch import nn

from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.sampled_pairs import sample_ranked_pairs
from finetune.commands.dpo import encode_pairs, pair_selection
from finetune.commands.rows import explain_unusable_rows, report_selection
from finetune.commands.stage import (
    N_VALIDATION,
    TASK_FILE,
    FinetuneConfig,
    Stage,
    describe_trained_weights,
    run_stage,
)
from finetune.conversations.messages import PreferencePair
from finetune.conversations.rows import EpochSampler, Rows, split_into_batches
from finetune.datasets.tasks import Task, drop_held_out_prompts, keep_usable, pair_task, read_task
from finetune.dpo.pairs import pair_rows
from finetune.dpo.training import without_dropout
from finetune.evaluation.reward_report import print_reward_report, reward_report
from finetune.reward.loss import reward_loss
from finetune.reward.scorer import as_scorer
from gpt.runs.folder import RunFolder
from gpt.runs.processes import local_rows
from gpt.runs.progress import report_message
from gpt.runs.training_run import PreparedLoop, load_last_checkpoint
from gpt.training.loop import LoopConfig, train

REWARD_LOOP = LoopConfig(steps=300, learning_rate=1e-3, weight_decay=0.01, save_every=100)


@dataclass(frozen=True)
class RewardConfig(FinetuneConfig):
    """Train a reward model; with no options, on the documentation's answers and spoilt ones."""

    command: ClassVar[str] = "finetune reward"
    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = REWARD_LOOP
    model: str = "runs/sft"
    name: str = "reward"
    samples: str | None = None
    """Learn from this model's own answers too, ranked by the rule."""


def run(config: RewardConfig) -> int:
    """Train and judge the judge."""
    return run_stage(REWARD, config)


def task(config: RewardConfig, assistant: Assistant) -> Task[PreferencePair]:
    """The pairs that fit."""
    selection = pair_selection(config, assistant)
    with explain_unusable_rows():
        found = pair_task(config.data, selection)
    if config.samples is not None:
        sampler = load_assistant(config.samples, base=config.base)
        joined = found + keep_usable(sample_ranked_pairs(sampler), selection)
        found = drop_held_out_prompts(joined)
        if n := len(joined.train) - len(found.train):
            report_message(f"{n} training pairs are dropped, as their questions are held out")
    report_selection(selection)
    return found


def prepared(
    config: RewardConfig,
    folder: RunFolder,
    assistant: Assistant,
    task: Task[PreferencePair],
    device: torch.device,
) -> PreparedLoop:
    """The loop over this run's pairs, from its newest checkpoint."""
    scorer = as_scorer(assistant.model)
    learned = encode_pairs(assistant, task.train, config.context)
    judged = encode_pairs(assistant, task.held_out[:N_VALIDATION], config.context)
    epochs = EpochSampler(len(learned), config.batch_size, config.loop.seed)
    size = config.micro_batch or config.batch_size

    def batches(step: int) -> list[Rows]:
        mine = [learned[number] for number in local_rows(epochs(step))]
        return [pair_rows(part).to(device) for part in split_into_batches(mine, size)]

    @torch.no_grad()
    def validate(model: nn.Module) -> float:
        with without_dropout(model):
            sums = [
                reward_loss(model, pair_rows(part).to(device))
                for part in split_into_batches(judged, size)
            ]
        return sum(float(part.total) for part in sums) / len(judged)

    start, done = load_last_checkpoint(folder)
    return PreparedLoop(
        train(scorer, batches, reward_loss, config.loop, validate, start, folder.checkpoints),
        done,
        config.loop.steps,
        describe_trained_weights(scorer),
        2 * config.batch_size * config.context,
    )


def report(config: RewardConfig, folder: RunFolder) -> int:
    """How well it judges held-out pairs, beside judges that only count."""
    found = reward_report(folder.path, read_task(folder.path / TASK_FILE, PreferencePair).held_out)
    if config.json:
        print(json_format.dumps(found))
    else:
        print_reward_report(found)
    report_message(
        f"the run lies in {folder.path}; learn from it with: finetune ppo --reward {folder.path}"
    )
    return 0


REWARD = Stage(task, PreferencePair, prepared, report)
