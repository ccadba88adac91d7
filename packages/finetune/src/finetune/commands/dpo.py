"""`finetune dpo`: prefer the better answer of each pair, without a reward model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
import tyro
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from finetune.assistant.answering import EvaluationItem
from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.sampled_pairs import sample_ranked_pairs
from finetune.commands.rows import explain_unusable_rows, report_selection, row_selection
from finetune.commands.stage import (
    N_VALIDATION,
    TASK_FILE,
    FinetuneConfig,
    Stage,
    describe_trained_weights,
    report_answers,
    run_stage,
)
from finetune.conversations.encoding import answer_example
from finetune.conversations.messages import PreferencePair
from finetune.conversations.rows import EpochSampler, Rows, split_into_batches
from finetune.datasets.selection import Selection, TooLong
from finetune.datasets.tasks import Task, keep_usable, pair_task, read_task
from finetune.dpo.losses import dpo_loss, ipo_loss
from finetune.dpo.margins import PairMetrics, mean_logprob
from finetune.dpo.pairs import PairBatch, TokenPair, pair_batches, pair_rows
from finetune.dpo.training import evaluate_pairs, preference_loss, reference_logprobs
from finetune.sft.policy import Policy, share_layers_as
from gpt.errors import BadInput
from gpt.runs.folder import RunFolder
from gpt.runs.passes import autocast
from gpt.runs.progress import report_message
from gpt.runs.training_run import PreparedLoop, load_last_checkpoint
from gpt.training.loop import LoopConfig, train

LOSSES = {
    "dpo": partial(preference_loss, dpo_loss),
    "ipo": partial(preference_loss, ipo_loss, measure=mean_logprob),
}
DPO_LOOP = LoopConfig(steps=200, learning_rate=1e-4, weight_decay=0.0, save_every=100)


@dataclass(frozen=True)
class DpoConfig(FinetuneConfig):
    """Learn from pairs of answers; with no options, the documentation's and spoilt ones."""

    command: ClassVar[str] = "finetune dpo"
    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = DPO_LOOP
    model: str = "runs/sft"
    name: str = "dpo"
    samples: str | None = None
    """Learn from this model's own answers, ranked by the rule, in place of `data`."""
    beta: float = 0.1
    """How dear it is to leave the model that it began as; small lets it go far."""
    loss: Literal["dpo", "ipo"] = "dpo"
    """DPO, or IPO, which aims at a margin and does not push a pair without end."""

    def __post_init__(self) -> None:
        """Refuse what would prefer nothing."""
        super().__post_init__()
        LOSSES[self.loss](beta=self.beta)
        if self.samples is not None and self.data != "python":
            raise BadInput(
                f"pairs come from --samples {self.samples} or --data {self.data}, not from both"
            )


def run(config: DpoConfig) -> int:
    """Train and compare the answers."""
    return run_stage(DPO, config)


def task(config: DpoConfig, assistant: Assistant) -> Task[PreferencePair]:
    """The pairs that fit."""
    selection = pair_selection(config, assistant)
    if config.samples is None:
        with explain_unusable_rows():
            found = pair_task(config.data, selection)
    else:
        sampler = load_assistant(config.samples, base=config.base)
        found = keep_usable(sample_ranked_pairs(sampler), selection)
    report_selection(selection)
    return found


def pair_selection(config: FinetuneConfig, assistant: Assistant) -> Selection[PreferencePair]:
    """Pairs of which both rows must fit into the context."""
    return row_selection(config, lambda pair: encode_pair(assistant, pair, config.context), "pairs")


def encode_pairs(
    assistant: Assistant, items: Sequence[PreferencePair], context: int
) -> list[TokenPair]:
    """The pairs of a task as tokens; see `encode_pair`."""
    return [encode_pair(assistant, item, context) for item in items]


def encode_pair(assistant: Assistant, item: PreferencePair, context: int) -> TokenPair:
    """A pair as tokens.

    Raises:
        BadInput: both answers are the same tokens.
        TooLong: one of its rows does not fit into the context.
        DelimiterInContent: a message contains a delimiter of the format.
    """
    messages, chosen, rejected = item
    rows = [
        answer_example(assistant.format, assistant.tokenizer, messages, answer)
        for answer in (chosen, rejected)
    ]
    if rows[0] == rows[1]:  # texts that differ in white space, which a chat template may trim
        raise BadInput(f"both answers are the same tokens: {chosen[:40]!r}")
    if max(len(row.tokens) for row in rows) > context:
        raise TooLong(f"a row does not fit into a context of {context} tokens")
    begin = rows[0].mask.index(True)
    return TokenPair(rows[0].tokens[:begin], *(row.tokens[begin:] for row in rows))


def prepared(
    config: DpoConfig,
    folder: RunFolder,
    assistant: Assistant,
    task: Task[PreferencePair],
    device: torch.device,
) -> PreparedLoop:
    """The loop over this run's pairs, from its newest checkpoint.

    The reference is the model that the run begins with. It is asked once, before the first step.
    """
    policy = share_layers_as(Policy, assistant.model)
    learned = encode_pairs(assistant, task.train, config.context)
    judged = encode_pairs(assistant, task.held_out[:N_VALIDATION], config.context)
    size = config.micro_batch or config.batch_size
    epochs = EpochSampler(len(learned), config.batch_size, config.loop.seed)
    used = sorted({number for step in range(config.loop.steps) for number in epochs(step)})
    report_message("asking the reference how likely the answers are")
    with autocast(device.type, config.loop.precision):  # as in the training, not as when judged
        learned_before = pair_reference_logprobs(policy, learned, used, size, device)
    judged_before = pair_reference_logprobs(policy, judged, range(len(judged)), size, device)
    batches = pair_batches(learned, learned_before, epochs, size, device)
    loss, judge = (LOSSES[config.loss](beta=config.beta) for _ in range(2))

    def validate(model: nn.Module) -> float:
        sides = (rearrange(each, "B side -> (side B)") for each in judged_before.split(size))
        pieces = map(PairBatch, pair_row_batches(judged, size), sides)
        found = evaluate_pairs(model, (piece.to(device) for piece in pieces), judge)
        report_pairs("training", loss.report())
        report_pairs("held-out", found.report)
        return found.loss

    start, done = load_last_checkpoint(folder)
    return PreparedLoop(
        train(policy, batches, loss, config.loop, validate, start, folder.checkpoints),
        done,
        config.loop.steps,
        describe_trained_weights(policy),
        2 * config.batch_size * config.context,
    )


def pair_reference_logprobs(
    policy: Policy, items: Sequence[TokenPair], used: Sequence[int], size: int, device: torch.device
) -> Float[Tensor, "P 2"]:
    """Log-probabilities of both answers under the reference; 0 for unused pairs."""
    rows = (each.to(device) for each in pair_row_batches([items[number] for number in used], size))
    found = reference_logprobs(policy, rows)
    before = found.new_zeros(len(items), 2)
    before[used] = found
    return before


def report_pairs(which: str, pairs: PairMetrics) -> None:
    """How well the policy tells the sides of pairs apart."""
    report_message(
        f"{which} pairs: {pairs.accuracy:.1%} right, reward of the chosen "
        f"{pairs.chosen_reward:+.2f}, of the rejected {pairs.rejected_reward:+.2f}"
    )


def pair_row_batches(items: Sequence[TokenPair], size: int) -> Iterator[Rows]:
    """All pairs, some at a time."""
    return map(pair_rows, split_into_batches(items, size))


def report(config: DpoConfig, folder: RunFolder) -> int:
    """The answers before and after, on held-out questions."""
    held_out = read_task(folder.path / TASK_FILE, PreferencePair).held_out
    return report_answers(config, folder, [EvaluationItem(*each[:2]) for each in held_out])


DPO = Stage(task, PreferencePair, prepared, report)
