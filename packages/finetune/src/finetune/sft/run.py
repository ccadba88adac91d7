"""Supervised fine-tuning in a run folder: options, data and training."""

from dataclasses import dataclass
from typing import ClassVar

import tyro
from torch import nn

from finetune.assistant.answering import EvaluationItem, question_items
from finetune.assistant.assistant import Assistant
from finetune.conversations.encoding import (
    conversation_example,
    encode_conversations,
    prompt_tokens,
)
from finetune.conversations.messages import Conversation
from finetune.datasets.selection import TooLong
from finetune.datasets.tasks import Task, conversation_task, question_task, read_task
from finetune.options import DataOptions, FinetuneLoopConfig
from finetune.runs import (
    N_VALIDATION,
    TASK_FILE,
    describe_trained_weights,
    load_to_train,
    reported_selection,
)
from finetune.sft.training import train_sft, validation_loss
from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rows import EpochSampler, pad_examples, split_into_batches, step_batches
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import LoopConfig

SFT_LOOP = FinetuneLoopConfig(steps=400, learning_rate=1e-3, weight_decay=0.01, save_every=100)


@dataclass(frozen=True)
class SftConfig(DataOptions):
    """Teach a model to answer questions, by default those about Python's own library."""

    command: ClassVar[str] = "finetune sft"

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = SFT_LOOP
    name: str = "sft"
    show_mask: bool = False
    """Print the first three rows, then exit without training.
    The tokens that count in the loss are in colour."""


def select_conversations(config: SftConfig, assistant: Assistant) -> Task[Conversation]:
    """Load the conversations that have an answer, or the start of one, within the context."""

    def check(conversation: Conversation) -> None:
        row = conversation_example(assistant.format, assistant.tokenizer, conversation.messages)
        if not any(row.mask[1 : config.context]):  # nothing predicts the first token
            raise TooLong(f"no answer begins within a context of {config.context} tokens")

    selection = config.selection(check, "conversations")
    with reported_selection(selection):
        task = conversation_task(config.data, selection)
    held_out = [shorten_to_context(assistant, each, config.context) for each in task.held_out]
    return Task(task.train, held_out)


def shorten_to_context(
    assistant: Assistant, conversation: Conversation, context: int
) -> Conversation:
    """Drop exchanges from the end until the prompt of the last answer fits into the context.

    The report generates the last answer of held-out conversations, and a model cannot read prompts
    that are longer than its context.
    """
    messages = conversation.messages
    while len(prompt_tokens(assistant.format, assistant.tokenizer, messages[:-1])) >= context:
        messages = messages[:-2]
    return Conversation(messages)


def held_out_questions(config: SftConfig, folder: RunFolder) -> list[EvaluationItem]:
    """Return the questions of the report: held-out ones, each with its reference answer."""
    if config.data == "python":
        return question_items(question_task().held_out)
    held_out = read_task(folder.path / TASK_FILE, Conversation).held_out
    return [EvaluationItem(each.messages[:-1], each.messages[-1]["content"]) for each in held_out]


def run_sft(run: TrainingRun, config: SftConfig) -> None:
    """Train on the conversations of a run, from its last checkpoint.

    They are read from the run's folder, where the command wrote them when the run was new.
    """
    assistant, task = load_to_train(run, Conversation)
    policy = share_layers_as(Policy, assistant.model)  # the same weights; it returns log pi
    rows, held_out = (
        encode_conversations(assistant.format, assistant.tokenizer, items, config.context)
        for items in (task.train, task.held_out[:N_VALIDATION])
    )
    if rows.n_truncated:
        report_message(
            f"{rows.n_truncated} of {len(rows.examples)} conversations are cut at the context"
        )
    epochs = EpochSampler(len(rows.examples), config.batch_size, config.loop.seed)
    size = config.micro_batch_size or config.batch_size
    batches = step_batches(rows.examples, pad_examples, epochs, size, run.device)

    def validate(model: nn.Module) -> float:
        parts = split_into_batches(held_out.examples, size)
        return validation_loss(
            sft_loss, model, (pad_examples(part).to(run.device) for part in parts)
        )

    start, checkpoints = run.last_checkpoint(), run.folder.checkpoints
    records = train_sft(policy, batches, config.loop, validate, start, checkpoints)
    mean_length = round(sum(len(each.tokens) for each in rows.examples) / epochs.n_rows)
    run.follow(
        records,
        steps=config.loop.steps,
        title=describe_trained_weights(policy),
        tokens_per_step=config.batch_size * mean_length,
    )
