"""Training with KTO on single answers labelled good or bad.

Departure from Ethayarajh et al. 2024, who combine the prompts of a batch with one another's
answers: here each prompt is combined with the answer of the nearest earlier row of the data that
has another prompt, always the same one.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from finetune.dpo.kto import kto_loss, reference_point
from finetune.dpo.training import sequence_logprobs
from gpt.errors import BadInput
from gpt.policy.policy import Policy
from gpt.policy.rows import (
    EpochSampler,
    Rows,
    pad_examples,
    prompt_answer_example,
    step_batches,
)
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, StepRecord, Training


class LabelledAnswer(NamedTuple):
    """A prompt, one answer, and its label."""

    prompt: list[int]
    answer: list[int]
    desirable: bool


class LabelledBatch(NamedTuple):
    """B labelled answers, and the same prompts with answers to other prompts."""

    matched: Rows
    mismatched: Rows
    desirable: Bool[Tensor, " B"]

    def to(self, device: torch.device) -> "LabelledBatch":
        """Return the batch on a device."""
        return LabelledBatch(
            self.matched.to(device), self.mismatched.to(device), self.desirable.to(device)
        )


def labelled_batch(data: Sequence[LabelledAnswer], numbers: Sequence[int]) -> LabelledBatch:
    """Return a batch of the given rows of the data."""
    matched, mismatched = [], []
    for n in numbers:
        prompt, answer, _ = data[n]
        before = (data[i] for i in range(n - 1, n - len(data), -1))  # below 0 from the end
        other = next(row.answer for row in before if row.prompt != prompt)
        matched.append(prompt_answer_example(prompt, answer))
        mismatched.append(prompt_answer_example(prompt, other))
    desirable = torch.tensor([data[n].desirable for n in numbers])
    return LabelledBatch(pad_examples(matched), pad_examples(mismatched), desirable)


def labelled_batches(
    data: Sequence[LabelledAnswer],
    epochs: EpochSampler,
    micro_batch_size: int,
    device: torch.device,
) -> Callable[[int], list[LabelledBatch]]:
    """Return a function of the step that returns its micro-batches, like `pair_batches`.

    The reference point is estimated from one micro-batch, so unlike other losses this one depends
    on how a batch is split.

    Raises:
        BadInput: a row has no prompt or no answer, there is only one prompt, or `epochs` is for
            other data.
    """
    check_labelled_answers(data)
    if epochs.n_rows != len(data):
        raise BadInput(f"an order of {epochs.n_rows} rows is not for {len(data)} answers")
    batch = partial(labelled_batch, data)
    return step_batches(range(len(data)), batch, epochs, micro_batch_size, device)


def check_labelled_answers(data: Sequence[LabelledAnswer]) -> None:
    """Check that rows have a prompt and an answer, and that there are two different prompts."""
    n_prompts = len({tuple(row.prompt) for row in data})
    if n_prompts < 2:
        raise BadInput(f"KTO combines answers with other prompts, and there are {n_prompts}")
    for number, row in enumerate(data):
        if not row.prompt or not row.answer:
            missing = "answer" if row.prompt else "prompt"
            raise BadInput(f"row {number} has an empty {missing}; it must have at least one token")


class KTOHyperparameters(NamedTuple):
    """Hyperparameters of KTO."""

    beta: float = 0.1
    """Strength of the KL penalty."""
    desirable_weight: float = 1.0
    """Weight of the losses of good answers."""
    undesirable_weight: float = 1.0
    """Weight of the losses of bad answers."""


DEFAULT_KTO = KTOHyperparameters()


def train_kto(
    policy: Policy,
    reference: Policy,
    batches: Callable[[int], Iterable[LabelledBatch]],
    config: LoopConfig,
    kto: KTOHyperparameters = DEFAULT_KTO,
) -> Generator[StepRecord, None, None]:
    """Train a policy in place with KTO; compare with `finetune.dpo.training.train_dpo`.

    Raises:
        BadInput: a hyperparameter is not a positive number.
    """
    for name, value in kto._asdict().items():
        if not 0 < value < float("inf"):
            raise BadInput(f"{name} must be a positive number, got {value}")
    with Training(policy, config) as training:
        for step in training.steps():
            for batch in training.micro_batches(batches(step)):
                with torch.no_grad():
                    matched = sequence_logprobs(reference, batch.matched)
                    mismatched = sequence_logprobs(reference, batch.mismatched)
                training.backward(kto_batch_loss(training.model, batch, matched, mismatched, kto))
            yield training.update()


def kto_batch_loss(
    policy: Any,
    batch: LabelledBatch,
    reference_matched: Float[Tensor, " B"],
    reference_mismatched: Float[Tensor, " B"],
    kto: KTOHyperparameters = DEFAULT_KTO,
) -> LossSum:
    """Sum the KTO loss over a batch, given the log-probabilities of the reference."""
    with torch.no_grad():
        mismatched = sequence_logprobs(policy, batch.mismatched)
    kl_estimate = reference_point(mismatched, reference_mismatched)
    log_ratio = sequence_logprobs(policy, batch.matched) - reference_matched
    loss = kto_loss(log_ratio, batch.desirable, kl_estimate, *kto)
    return LossSum(len(log_ratio) * loss, len(log_ratio))
