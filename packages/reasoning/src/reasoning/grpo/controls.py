"""Controls of GRPO: methods with as many answers and updates, which do not compare answers.

Rejection-SFT trains on the right answers among those that the policy generates, and discards the
wrong ones (RAFT: Dong et al. 2023, section 3). Continued SFT trains on fresh traces of countdown,
as many as GRPO generates answers. Both take their sizes from GRPO's hyperparameters, and their
learning rate from the same loop. The third control is GRPO itself, with the random reward.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy, without_dropout
from gpt.policy.rollouts import rollout
from gpt.policy.rows import Rows, pad_examples, split_into_batches
from gpt.runs.checkpoints import Checkpoint
from gpt.runs.processes import local_rows, n_processes
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, StepRecord, Training
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.grpo import RewardFunction
from reasoning.start.data import Tasks, sample_puzzle
from reasoning.start.traces import countdown_trace
from reasoning.tasks.vocabulary import MAX_ATTEMPTS


@dataclass(frozen=True)
class RejectionRecord:
    """Measurements of one phase."""

    step: int
    """Phases done, counting this one."""
    loss: float
    """Loss of the last update, in nats per token."""
    grad_norm: float
    """Gradient norm of the last update, before clipping."""
    score: float
    """Score per answer, over all answers."""
    length: float
    """Tokens per answer, over all answers."""
    validation: float | None = None
    """None, for the progress bar."""


def rejection_sft(
    policy: Policy,
    score: RewardFunction,
    prompts: Callable[[int], list[list[int]]],
    stop: int,
    config: GRPOHyperparameters,
    loop: LoopConfig,
    micro_batch_size: int | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[RejectionRecord, None, None]:
    """Train the policy on those of its answers that score above 0; yield a record per phase.

    The arguments are those of `grpo`, and so are the answers of the first phase.
    """
    loop, group_size = config.loop_config(loop), config.group_size
    micro_batch_size = micro_batch_size or config.answers_per_phase
    with Training(policy, loop, start=start, folder=folder) as training:
        for phase in range(training.state.step // config.updates_per_phase, config.n_phases):
            # answer each prompt several times with the current policy
            seed = int(np.random.default_rng([loop.seed, phase]).integers(2**62))
            generator = torch.Generator().manual_seed(seed)
            repeated = [prompt for prompt in prompts(phase) for _ in range(group_size)]
            answers = rollout(policy, repeated, config.max_new_tokens, stop, generator)
            rows, scores = answers.rows, score(answers)

            # keep the right ones; if too few for all updates and processes, keep all, with loss 0
            kept, factor = (scores > 0).nonzero()[:, 0].tolist(), 1.0
            if len(kept) < config.n_minibatches * n_processes():
                kept, factor = list(range(len(scores))), 0.0

            # several epochs of minibatches on the same answers
            updates: list[StepRecord] = []
            row_lengths = rows.lengths.tolist()
            for epoch in range(config.n_epochs):
                order = np.random.default_rng([loop.seed, phase, epoch]).permutation(kept)
                for numbers in np.array_split(order, config.n_minibatches):
                    own = sorted(local_rows(numbers).tolist(), key=row_lengths.__getitem__)
                    parts = split_into_batches(own, micro_batch_size)
                    for part in training.micro_batches(parts):
                        with without_dropout(policy):
                            total, terms = sft_loss(training.model, rows.select_rows(part))
                        training.backward(LossSum(factor * total, terms))
                    updates.append(training.update())

            yield RejectionRecord(
                step=phase + 1,
                loss=updates[-1].loss,
                grad_norm=updates[-1].grad_norm,
                score=scores.mean().item(),
                length=rows.mask.sum(dim=1).float().mean().item(),
            )


def countdown_batches(
    tasks: Tasks, batch_size: int, micro_batch_size: int, seed: int, device: torch.device
) -> Callable[[int], list[Rows]]:
    """Return a function that gives the micro-batches of a step: fresh traces of four numbers.

    With `gpt.training.loop.train` and `sft_loss`, they continue the training of the start model.
    """

    def batches(step: int) -> list[Rows]:
        examples = []
        for row in local_rows(range(batch_size)):
            random = np.random.default_rng([seed, step, row])
            n_attempts = int(random.integers(1, MAX_ATTEMPTS + 1))
            puzzle = sample_puzzle(tasks.four.train, random)
            examples.append(countdown_trace(puzzle, n_attempts, random))
        examples.sort(key=lambda example: len(example.tokens))
        parts = split_into_batches(examples, micro_batch_size)
        return [pad_examples(part).to(device) for part in parts]

    return batches
