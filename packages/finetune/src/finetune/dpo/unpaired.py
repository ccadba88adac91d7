"""Single answers that were called good or bad, and KTO over them for the training loop.

Departure from Ethayarajh et al. 2024, who put the answers of a batch behind one another's prompts:
here each prompt gets the answer of the nearest row before it in the data that has another prompt,
always the same one, so that the reference is asked about it once, before training.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from finetune.conversations.rows import (
    EpochSampler,
    Rows,
    pad_examples,
    prompt_answer_example,
    split_into_batches,
)
from finetune.dpo.kto import kto_loss, reference_point
from finetune.dpo.pairs import TokenPair, check_equal_counts
from finetune.dpo.training import sequence_logprobs
from gpt.errors import BadInput
from gpt.runs.processes import local_rows
from gpt.training.accumulation import LossSum


class LabelledAnswer(NamedTuple):
    """A prompt, one answer, and whether it was called good."""

    prompt: list[int]
    answer: list[int]
    desirable: bool


def labelled_answers(pairs: Sequence[TokenPair]) -> list[LabelledAnswer]:
    """Pairs taken apart: all chosen answers, then all rejected ones."""
    good = [LabelledAnswer(pair.prompt, pair.chosen, True) for pair in pairs]
    return good + [LabelledAnswer(pair.prompt, pair.rejected, False) for pair in pairs]


class LabelledBatch(NamedTuple):
    """B verdicts as the loss reads them."""

    rows: Rows
    """2B rows: each prompt with its own answer, and below them each with a borrowed one."""
    reference: Float[Tensor, " N"]
    """log pi_ref of each row's answer, a sum over its tokens."""
    desirable: Bool[Tensor, " B"]

    def to(self, device: torch.device) -> "LabelledBatch":
        """The same batch on a device."""
        return LabelledBatch(
            self.rows.to(device), self.reference.to(device), self.desirable.to(device)
        )


def matched_and_mismatched_rows(data: Sequence[LabelledAnswer], numbers: Sequence[int]) -> Rows:
    """Prompts with their own answers, and below them with the answers of other prompts."""
    own = [prompt_answer_example(data[number].prompt, data[number].answer) for number in numbers]
    other = [
        prompt_answer_example(data[number].prompt, mismatched_answer(data, number))
        for number in numbers
    ]
    return pad_examples(own + other)


def mismatched_answer(data: Sequence[LabelledAnswer], number: int) -> list[int]:
    """The answer of the nearest row before, round the end, that has another prompt."""
    before = (data[other] for other in range(number - 1, number - len(data), -1))
    return next(row.answer for row in before if row.prompt != data[number].prompt)


def labelled_batches(
    data: Sequence[LabelledAnswer],
    reference: Float[Tensor, "P 2"],
    epochs: EpochSampler,
    micro_batch: int,
    device: torch.device,
) -> Callable[[int], list[LabelledBatch]]:
    """The micro-batches of every step, as `pair_batches` makes them of pairs.

    `reference` comes from `reference_logprobs` over `matched_and_mismatched_rows`. The reference
    point is estimated from one micro-batch, so unlike other losses this one depends on how a batch
    is cut.

    Raises:
        BadInput: a row has no prompt or no answer, there is one prompt only, or there is not one
            reference for each.
    """
    check_labelled_answers(data)
    check_equal_counts(len(data), len(reference), epochs.n_rows)
    desirable = torch.tensor([verdict.desirable for verdict in data])

    def batch(numbers: Sequence[int]) -> LabelledBatch:
        both = rearrange(reference[numbers], "B side -> (side B)")
        return LabelledBatch(matched_and_mismatched_rows(data, numbers), both, desirable[numbers])

    def batches(step: int) -> list[LabelledBatch]:
        return [
            batch(part).to(device)
            for part in split_into_batches(local_rows(epochs(step)), micro_batch)
        ]

    return batches


def check_labelled_answers(data: Sequence[LabelledAnswer]) -> None:
    """Refuse rows without a prompt or an answer, and those that nobody can lend an answer to."""
    n_prompts = len({tuple(verdict.prompt) for verdict in data})
    if n_prompts < 2:
        raise BadInput(f"KTO puts answers behind other prompts, and there are {n_prompts}")
    for number, verdict in enumerate(data):
        if not verdict.prompt or not verdict.answer:
            missing = "answer" if verdict.prompt else "prompt"
            raise BadInput(f"row {number} has an empty {missing}; it must have a token at least")


class KTOLoss:
    """KTO for the training loop: the borrowed answers are scored first, without gradients."""

    def __init__(
        self, beta: float = 0.1, desirable_weight: float = 1.0, undesirable_weight: float = 1.0
    ) -> None:
        settings = {
            "beta": beta,
            "desirable_weight": desirable_weight,
            "undesirable_weight": undesirable_weight,
        }
        for name, value in settings.items():
            if not 0 < value < float("inf"):
                raise BadInput(f"{name} must be a positive number, got {value}")
        self.beta, self.weights = beta, (desirable_weight, undesirable_weight)

    def __call__(self, model: Any, piece: LabelledBatch) -> LossSum:
        """The loss summed over the answers of a micro-batch."""
        halves = zip(*(each.chunk(2) for each in piece.rows), strict=True)
        own, other = (Rows(*parts) for parts in halves)
        own_reference, other_reference = piece.reference.chunk(2)
        with torch.no_grad():
            moved = sequence_logprobs(model, other).logprob
        point = reference_point(moved, other_reference)
        log_ratio = sequence_logprobs(model, own).logprob - own_reference
        loss = kto_loss(log_ratio, piece.desirable, point, self.beta, *self.weights)
        return LossSum(len(log_ratio) * loss, len(log_ratio))
