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

from finetune.assistant.answering import Asked
from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.sampled_pairs import sampled_pairs
from finetune.commands.rows import report_selection, selection_of, unusable_rows_explained
from finetune.commands.stage import (
    JUDGED,
    TASK,
    Stage,
    StageConfig,
    report_answers,
    run_stage,
    shown_weights,
)
from finetune.conversations.encoding import answer_example
from finetune.conversations.messages import PreferencePair
from finetune.conversations.rows import Epochs, Rows, in_parts
from finetune.datasets.selection import Selection, TooLong
from finetune.datasets.tasks import Task, keep_usable, pairs, read_task
from finetune.dpo.losses import dpo_loss, ipo_loss
from finetune.dpo.margins import PairReport, per_token
from finetune.dpo.pairs import Pair, PairBatch, pair_batches, stacked
from finetune.dpo.training import held_out, preference_loss, reference_logprobs
from finetune.sft.policy import Policy, as_kind
from gpt.errors import BadInput
from gpt.runs.folder import RunFolder
from gpt.runs.passes import autocast
from gpt.runs.progress import say
from gpt.runs.training_run import Prepared, last_state
from gpt.training.loop import LoopConfig, train

LOSSES = {
    "dpo": partial(preference_loss, dpo_loss),
    "ipo": partial(preference_loss, ipo_loss, measure=per_token),
}
DPO_LOOP = LoopConfig(steps=200, learning_rate=1e-4, weight_decay=0.0, save_every=100)


@dataclass(frozen=True)
class DpoConfig(StageConfig):
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
        with unusable_rows_explained():
            found = pairs(config.data, selection)
    else:
        sampler = load_assistant(config.samples, base=config.base)
        found = keep_usable(sampled_pairs(sampler), selection)
    report_selection(selection)
    return found


def pair_selection(config: StageConfig, assistant: Assistant) -> Selection[PreferencePair]:
    """Pairs of which both rows must fit into the context."""
    return selection_of(config, lambda pair: encoded_pair(assistant, pair, config.context), "pairs")


def encoded_pairs(
    assistant: Assistant, items: Sequence[PreferencePair], context: int
) -> list[Pair]:
    """The pairs of a task as tokens; see `encoded_pair`."""
    return [encoded_pair(assistant, item, context) for item in items]


def encoded_pair(assistant: Assistant, item: PreferencePair, context: int) -> Pair:
    """A pair as tokens.

    Raises:
        BadInput: both answers are the same tokens.
        TooLong: one of its rows does not fit into the context.
        MarkInContent: a message spells a mark of the format.
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
    return Pair(rows[0].tokens[:begin], *(row.tokens[begin:] for row in rows))


def prepared(
    config: DpoConfig,
    folder: RunFolder,
    assistant: Assistant,
    task: Task[PreferencePair],
    device: torch.device,
) -> Prepared:
    """The loop over this run's pairs, from its newest checkpoint.

    The reference is the model that the run begins with. It is asked once, before the first step.
    """
    policy = as_kind(Policy, assistant.model)
    learned = encoded_pairs(assistant, task.train, config.context)
    judged = encoded_pairs(assistant, task.held_out[:JUDGED], config.context)
    size = config.micro_batch or config.batch_size
    epochs = Epochs(len(learned), config.batch_size, config.loop.seed)
    used = sorted({number for step in range(config.loop.steps) for number in epochs(step)})
    say("asking the reference how likely the answers are")
    with autocast(device.type, config.loop.precision):  # as in the training, not as when judged
        learned_before = asked(policy, learned, used, size, device)
    judged_before = asked(policy, judged, range(len(judged)), size, device)
    batches = pair_batches(learned, learned_before, epochs, size, device)
    loss, judge = (LOSSES[config.loss](beta=config.beta) for _ in range(2))

    def validate(model: nn.Module) -> float:
        sides = (rearrange(each, "B side -> (side B)") for each in judged_before.split(size))
        pieces = map(PairBatch, in_order(judged, size), sides)
        found = held_out(model, (piece.to(device) for piece in pieces), judge)
        tell_pairs("training", loss.report())
        tell_pairs("held-out", found.report)
        return found.loss

    start, done = last_state(folder)
    return Prepared(
        train(policy, batches, loss, config.loop, validate, start, folder.checkpoints),
        done,
        config.loop.steps,
        shown_weights(policy),
        2 * config.batch_size * config.context,
    )


def asked(
    policy: Policy, items: Sequence[Pair], used: Sequence[int], size: int, device: torch.device
) -> Float[Tensor, "P 2"]:
    """Log-probabilities of both answers under the reference; 0 for unused pairs."""
    rows = (each.to(device) for each in in_order([items[number] for number in used], size))
    found = reference_logprobs(policy, rows)
    before = found.new_zeros(len(items), 2)
    before[used] = found
    return before


def tell_pairs(which: str, pairs: PairReport) -> None:
    """How well the policy tells the sides of pairs apart."""
    say(
        f"{which} pairs: {pairs.accuracy:.1%} right, reward of the chosen "
        f"{pairs.chosen_reward:+.2f}, of the rejected {pairs.rejected_reward:+.2f}"
    )


def in_order(items: Sequence[Pair], size: int) -> Iterator[Rows]:
    """All pairs, some at a time."""
    return map(stacked, in_parts(items, size))


def report(config: DpoConfig, folder: RunFolder) -> int:
    """The answers before and after, on held-out questions."""
    held_out = read_task(folder.path / TASK, PreferencePair).held_out
    return report_answers(config, folder, [Asked(*each[:2]) for each in held_out])


DPO = Stage(task, PreferencePair, prepared, report)
