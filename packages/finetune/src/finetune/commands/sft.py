"""`finetune sft`: from a model that continues text to one that answers and stops."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import tyro
from rich.console import Console
from torch import nn

from finetune.assistant.answering import EvaluationItem
from finetune.assistant.assistant import Assistant
from finetune.commands.rows import explain_unusable_rows, report_selection, row_selection
from finetune.commands.stage import (
    N_VALIDATION,
    TASK_FILE,
    FinetuneConfig,
    Stage,
    describe_trained_weights,
    load_initial_assistant,
    report_answers,
    run_stage,
)
from finetune.conversations.encoding import (
    EncodedConversations,
    conversation_example,
    encode_conversations,
    prompt_tokens,
    truncate_example,
)
from finetune.conversations.mask_view import print_mask
from finetune.conversations.messages import Conversation
from finetune.conversations.rows import EpochSampler, Rows, pad_examples, split_into_batches
from finetune.datasets.selection import TooLong
from finetune.datasets.tasks import Task, conversation_task, read_task
from finetune.sft.loss import sft_loss
from finetune.sft.policy import Policy, share_layers_as
from gpt.runs.folder import RunFolder
from gpt.runs.processes import local_rows
from gpt.runs.progress import report_message
from gpt.runs.training_run import PreparedLoop, load_last_checkpoint
from gpt.training.loop import LoopConfig, train

SFT_LOOP = LoopConfig(steps=400, learning_rate=1e-3, weight_decay=0.01, save_every=100)


@dataclass(frozen=True)
class SftConfig(FinetuneConfig):
    """Teach a model to answer; with no options, questions about Python's own library."""

    command: ClassVar[str] = "finetune sft"
    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = SFT_LOOP
    name: str = "sft"
    show_mask: bool = False
    """Print the first rows with the tokens that count in colour, and do not train."""


def run(config: SftConfig) -> int:
    """Train, or show what would be trained on."""
    return print_masks(config) if config.show_mask else run_stage(SFT, config)


def print_masks(config: SftConfig) -> int:
    """The first three rows as the loss sees them."""
    assistant = load_initial_assistant(config)
    rows = task(config, assistant).train[:3]
    console = Console(highlight=False)
    for row in encode_conversations(
        assistant.format, assistant.tokenizer, rows, config.context
    ).examples:
        print_mask(console, row, assistant.tokenizer)
    return 0


def task(config: SftConfig, assistant: Assistant) -> Task[Conversation]:
    """The conversations, of which an answer must fit into the context."""

    def check(conversation: Conversation) -> None:
        row = conversation_example(assistant.format, assistant.tokenizer, conversation.messages)
        if not any(
            truncate_example(row, config.context).mask[1:]
        ):  # nothing predicts the first token
            raise TooLong(f"no answer begins within a context of {config.context} tokens")

    selection = row_selection(config, check, "conversations")
    with explain_unusable_rows():
        found = conversation_task(config.data, selection)
    report_selection(selection)
    return Task(
        found.train,
        [shorten_to_context(assistant, each, config.context) for each in found.held_out],
    )


def shorten_to_context(
    assistant: Assistant, conversation: Conversation, context: int
) -> Conversation:
    """The conversation up to its last answer that begins within the context.

    The report asks for the last answer of held-out conversations, and a model reads no prompt that
    is longer than its context.
    """
    messages = conversation.messages
    while len(prompt_tokens(assistant.format, assistant.tokenizer, messages[:-1])) >= context:
        messages = messages[:-2]
    return Conversation(messages)


def prepared(
    config: SftConfig,
    folder: RunFolder,
    assistant: Assistant,
    task: Task[Conversation],
    device: torch.device,
) -> PreparedLoop:
    """The loop over this run's conversations, from its newest checkpoint."""
    policy = share_layers_as(Policy, assistant.model)
    rows, judged = (
        encode_conversations(assistant.format, assistant.tokenizer, items, config.context)
        for items in (task.train, task.held_out[:N_VALIDATION])
    )
    report_truncated(rows)
    epochs = EpochSampler(len(rows.examples), config.batch_size, config.loop.seed)
    size = config.micro_batch or config.batch_size

    def batches(step: int) -> list[Rows]:
        mine = [rows.examples[number] for number in local_rows(epochs(step))]
        return [pad_examples(part).to(device) for part in split_into_batches(mine, size)]

    def validate(model: nn.Module) -> float:
        return validation_loss(model, judged, size, device)

    start, done = load_last_checkpoint(folder)
    return PreparedLoop(
        train(policy, batches, sft_loss, config.loop, validate, start, folder.checkpoints),
        done,
        config.loop.steps,
        describe_trained_weights(policy),
        config.batch_size * round(sum(len(each.tokens) for each in rows.examples) / epochs.n_rows),
    )


def report_truncated(rows: EncodedConversations) -> None:
    """Report how many conversations are cut at the context."""
    if rows.n_truncated:
        report_message(
            f"{rows.n_truncated} of {len(rows.examples)} conversations are cut at the context"
        )


@torch.no_grad()
def validation_loss(
    model: Any, rows: EncodedConversations, size: int, device: torch.device
) -> float:
    """The loss of held-out answers, a token."""
    was_training = model.training
    model.eval()
    sums = [
        sft_loss(model, pad_examples(part).to(device))
        for part in split_into_batches(rows.examples, size)
    ]
    model.train(was_training)
    return sum(float(part.total) for part in sums) / sum(part.terms for part in sums)


def report(config: SftConfig, folder: RunFolder) -> int:
    """The answers before and after, on held-out questions."""
    held_out = read_task(folder.path / TASK_FILE, Conversation).held_out
    items = [EvaluationItem(each.messages[:-1], each.messages[-1]["content"]) for each in held_out]
    return report_answers(config, folder, items)


SFT = Stage(task, Conversation, prepared, report)
