"""Pairs of answers as token ids, and the micro-batches that a step of training makes of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from finetune.conversations.rows import (
    EpochSampler,
    Rows,
    pad_examples,
    prompt_answer_example,
    split_into_batches,
)
from gpt.errors import BadInput
from gpt.runs.processes import local_rows


class TokenPair(NamedTuple):
    """A prompt and two answers to it; the answers end with the stop token."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


class PairBatch(NamedTuple):
    """B pairs as the loss reads them."""

    rows: Rows
    """2B rows: the chosen answers, and below them the rejected ones."""
    reference: Float[Tensor, " N"]
    """log pi_ref of each row's answer, a sum over its tokens."""

    def to(self, device: torch.device) -> "PairBatch":
        """The same batch on a device."""
        return PairBatch(self.rows.to(device), self.reference.to(device))


def pair_rows(pairs: Sequence[TokenPair]) -> Rows:
    """The chosen answers above the rejected ones, each behind its prompt."""
    chosen = [prompt_answer_example(pair.prompt, pair.chosen) for pair in pairs]
    rejected = [prompt_answer_example(pair.prompt, pair.rejected) for pair in pairs]
    return pad_examples(chosen + rejected)


def pair_batches(
    pairs: Sequence[TokenPair],
    reference: Float[Tensor, "P 2"],
    epochs: EpochSampler,
    micro_batch: int,
    device: torch.device,
) -> Callable[[int], list[PairBatch]]:
    """The micro-batches of every step, for the training loop; under torchrun, this process's own.

    Args:
        pairs: what is learned from.
        reference: log pi_ref of both answers of each pair, see `reference_logprobs`; zeros for a
            loss that asks for none.
        epochs: which pairs a step takes.
        micro_batch: how many pairs pass through the model at once.
        device: where the model is.

    Raises:
        BadInput: a pair teaches nothing, or there is not one reference for each.
    """
    check_pairs(pairs)
    check_equal_counts(len(pairs), len(reference), epochs.n_rows)

    def batch(numbers: Sequence[int]) -> PairBatch:
        rows = pair_rows([pairs[number] for number in numbers])
        return PairBatch(rows, rearrange(reference[numbers], "B side -> (side B)"))

    def batches(step: int) -> list[PairBatch]:
        return [
            batch(part).to(device)
            for part in split_into_batches(local_rows(epochs(step)), micro_batch)
        ]

    return batches


def check_pairs(pairs: Sequence[TokenPair]) -> None:
    """Refuse pairs that say nothing: a missing prompt or answer, or the same answer twice."""
    for number, pair in enumerate(pairs):
        for part, tokens in pair._asdict().items():
            if not tokens:
                raise BadInput(f"pair {number} has an empty {part}; it must have a token at least")
        if pair.chosen == pair.rejected:
            raise BadInput(
                f"pair {number} has the same answer twice, {len(pair.chosen)} tokens that begin "
                f"with {pair.chosen[:5]}; a tie prefers nothing"
            )


def check_equal_counts(n_rows: int, n_references: int, n_epoch: int) -> None:
    """Refuse references, or an order of rows, that belong to other data."""
    if not n_rows == n_references == n_epoch:
        raise BadInput(
            f"{n_rows} rows of data, reference log-probabilities of {n_references} and an order of "
            f"{n_epoch} do not belong together"
        )
