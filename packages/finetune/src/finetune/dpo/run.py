"""Preference training in a run folder: options, data and training."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro
from torch import nn
from tyro.conf import arg

from finetune.assistant.answering import EvaluationItem, question_items
from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.sampled_pairs import sample_ranked_pairs
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import Task, keep_usable, pair_task, question_task, read_task
from finetune.dpo.losses import dpo_loss, ipo_loss
from finetune.dpo.margins import mean_logprob, sum_logprob
from finetune.dpo.pairs import encode_pair, pair_batches, pair_rows, pair_selection
from finetune.dpo.training import evaluate_pairs, train_dpo
from finetune.options import FinetuneLoopConfig, PairOptions
from finetune.runs import (
    N_VALIDATION,
    TASK_FILE,
    describe_trained_weights,
    load_to_train,
    reported_selection,
)
from gpt.errors import BadInput
from gpt.policy.policy import Policy, make_reference, share_layers_as
from gpt.policy.rows import EpochSampler, split_into_batches
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import LoopConfig

LOSSES = {"dpo": (dpo_loss, sum_logprob), "ipo": (ipo_loss, mean_logprob)}
DPO_LOOP = FinetuneLoopConfig(steps=200, learning_rate=1e-4, weight_decay=0.0, save_every=100)


@dataclass(frozen=True)
class DpoConfig(PairOptions):
    """Train on pairs of answers, by default pairs of a documented answer and a corrupted copy."""

    command: ClassVar[str] = "finetune dpo"

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = DPO_LOOP
    name: str = "dpo"
    sample_from: Annotated[str | None, arg(help_behavior_hint="(default: the pairs of --data)")] = (
        None
    )
    """Instead of --data, train on pairs of answers of this model, ranked by a fixed rule.
    The rule checks that answers end, are brief, do not repeat themselves and are on topic."""
    beta: float = 0.1
    """Strength of the KL penalty that keeps the policy near the model that it starts from.
    Smaller values allow larger changes."""
    loss: Literal["dpo", "ipo"] = "dpo"
    """dpo, or ipo, which regresses the margin to a fixed target instead of letting it grow."""

    def __post_init__(self) -> None:
        """Check the numbers, and that pairs have one source.

        Raises:
            BadInput: beta is not positive, or there are two sources.
        """
        super().__post_init__()
        if not 0 < self.beta < float("inf"):
            raise BadInput(f"beta must be a positive number, got {self.beta}")
        if self.sample_from is not None and self.data != "python":
            raise BadInput(
                f"pairs come from --sample-from {self.sample_from} or --data {self.data}, not from "
                "both"
            )


def load_preference_pairs(config: DpoConfig, assistant: Assistant) -> Task[PreferencePair]:
    """Load the pairs that fit into the context, from data or from a model."""
    selection = pair_selection(config, assistant)
    with reported_selection(selection):
        if config.sample_from is None:
            return pair_task(config.data, selection)
        sampler = load_assistant(config.sample_from, base=config.base)
        return keep_usable(sample_ranked_pairs(sampler), selection)


def held_out_prompts(config: DpoConfig, folder: RunFolder) -> list[EvaluationItem]:
    """Return the questions of the report: held-out ones, with the chosen answers as references."""
    if config.data == "python":
        return question_items(question_task().held_out)
    held_out = read_task(folder.path / TASK_FILE, PreferencePair).held_out
    return [EvaluationItem(each.messages, each.chosen) for each in held_out]


def run_dpo(run: TrainingRun, config: DpoConfig) -> None:
    """Train on the pairs of a run, from its last checkpoint."""
    assistant, task = load_to_train(run, PreferencePair)
    policy = share_layers_as(Policy, assistant.model)
    reference = make_reference(policy)
    pairs, held_out = (
        [encode_pair(assistant, pair, config.context) for pair in items]
        for items in (task.train, task.held_out[:N_VALIDATION])
    )
    epochs = EpochSampler(len(pairs), config.batch_size, config.loop.seed)
    size = config.micro_batch_size or config.batch_size
    batches = pair_batches(pairs, epochs, size, run.device)
    loss, reduction = LOSSES[config.loss]

    def validate(model: nn.Module) -> float:
        rows = (pair_rows(part).to(run.device) for part in split_into_batches(held_out, size))
        value, metrics = evaluate_pairs(model, reference, rows, loss, config.beta, reduction)
        report_message(
            f"held-out pairs: {metrics.accuracy:.1%} ranked correctly, rewards "
            f"{metrics.chosen_reward:+.2f} (chosen) and {metrics.rejected_reward:+.2f} (rejected)"
        )
        return value

    records = train_dpo(
        policy,
        reference,
        batches,
        config.loop,
        loss,
        config.beta,
        reduction,
        validate,
        run.last_checkpoint(),
        run.folder.checkpoints,
    )
    run.follow(
        records,
        steps=config.loop.steps,
        title=describe_trained_weights(policy),
        tokens_per_step=2 * config.batch_size * config.context,
    )
