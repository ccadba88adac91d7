"""`finetune reward`: a model that says which of two answers is better, from pairs of them."""

import json as json_format
from dataclasses import dataclass
from typing import ClassVar

import torch
import tyro
from torch import nn

from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.sampled_pairs import sampled_pairs
from finetune.commands.dpo import encoded_pairs, pair_selection
from finetune.commands.rows import report_selection, unusable_rows_explained
from finetune.commands.stage import (
    JUDGED,
    TASK,
    Stage,
    StageConfig,
    run_stage,
    shown_weights,
)
from finetune.conversations.messages import PreferencePair
from finetune.conversations.rows import Epochs, Rows, in_parts
from finetune.datasets.tasks import Task, drop_held_out_prompts, keep_usable, pairs, read_task
from finetune.dpo.pairs import stacked
from finetune.dpo.training import without_dropout
from finetune.evaluation.reward_report import print_reward, reward_report
from finetune.reward.loss import reward_loss
from finetune.reward.scorer import as_scorer
from gpt.runs.folder import RunFolder
from gpt.runs.processes import my_rows
from gpt.runs.progress import say
from gpt.runs.training_run import Prepared, last_state
from gpt.training.loop import LoopConfig, train

REWARD_LOOP = LoopConfig(steps=300, learning_rate=1e-3, weight_decay=0.01, save_every=100)


@dataclass(frozen=True)
class RewardConfig(StageConfig):
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
    with unusable_rows_explained():
        found = pairs(config.data, selection)
    if config.samples is not None:
        sampler = load_assistant(config.samples, base=config.base)
        joined = found + keep_usable(sampled_pairs(sampler), selection)
        found = drop_held_out_prompts(joined)
        if n := len(joined.train) - len(found.train):
            say(f"{n} training pairs are dropped, as their questions are held out")
    report_selection(selection)
    return found


def prepared(
    config: RewardConfig,
    folder: RunFolder,
    assistant: Assistant,
    task: Task[PreferencePair],
    device: torch.device,
) -> Prepared:
    """The loop over this run's pairs, from its newest checkpoint."""
    scorer = as_scorer(assistant.model)
    learned = encoded_pairs(assistant, task.train, config.context)
    judged = encoded_pairs(assistant, task.held_out[:JUDGED], config.context)
    epochs = Epochs(len(learned), config.batch_size, config.loop.seed)
    size = config.micro_batch or config.batch_size

    def batches(step: int) -> list[Rows]:
        mine = [learned[number] for number in my_rows(epochs(step))]
        return [stacked(part).to(device) for part in in_parts(mine, size)]

    @torch.no_grad()
    def validate(model: nn.Module) -> float:
        with without_dropout(model):
            sums = [reward_loss(model, stacked(part).to(device)) for part in in_parts(judged, size)]
        return sum(float(part.total) for part in sums) / len(judged)

    start, done = last_state(folder)
    return Prepared(
        train(scorer, batches, reward_loss, config.loop, validate, start, folder.checkpoints),
        done,
        config.loop.steps,
        shown_weights(scorer),
        2 * config.batch_size * config.context,
    )


def report(config: RewardConfig, folder: RunFolder) -> int:
    """How well it judges held-out pairs, beside judges that only count."""
    found = reward_report(folder.path, read_task(folder.path / TASK, PreferencePair).held_out)
    if config.json:
        print(json_format.dumps(found))
    else:
        print_reward(found)
    say(f"the run lies in {folder.path}; learn from it with: finetune ppo --reward {folder.path}")
    return 0


REWARD = Stage(task, PreferencePair, prepared, report)
