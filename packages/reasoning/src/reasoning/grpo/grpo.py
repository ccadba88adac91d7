"""Group relative policy optimisation of a language model (Shao et al. 2024, section 4.1).

`grpo` reads as algorithm 1 of the paper: generate a group of answers to each prompt, compare the
rewards within each group, then update the policy several times on these answers. It is PPO
(`finetune.ppo.ppo`) without a critic: compare the two files, and the lines that differ are the
method.

Random numbers depend on the seed and the phase only, and checkpoints are saved between phases, so a
resumed run continues with the same bits.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.policy.kl import k1
from gpt.policy.policy import Policy, without_dropout
from gpt.policy.rollouts import Rollout, align_answers, aligned_answer_mask, rollout
from gpt.policy.rows import Rows, split_into_batches
from gpt.policy.statistics import masked_mean
from gpt.runs.checkpoints import Checkpoint
from gpt.runs.parallel import autocast
from gpt.runs.processes import all_reduce, local_rows
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, StepRecord, Training
from reasoning.grpo.advantages import group_advantages, is_in_flat_group
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.losses import kl_token_losses

RewardFunction = Callable[[Rollout], Float[Tensor, " B"]]
"""Returns one score per answer."""


class RolloutBatch(NamedTuple):
    """Answers with everything that the updates of a phase are measured against.

    Answers begin in column 0, and padding follows. The numbers are computed once per phase, by the
    policy that generated the answers.
    """

    rows: Rows
    mask: Bool[Tensor, "B A"]
    """True on the tokens of the answer."""
    old_logprobs: Float[Tensor, "B A"]
    reference_logprobs: Float[Tensor, "B A"]
    """Equal to `old_logprobs` if there is no reference."""
    advantages: Float[Tensor, " B"]
    """One per answer, shared by its tokens."""
    divisors: Float[Tensor, " B"]
    """What the sum over the tokens of each answer is divided by; see `losses`."""

    def select_rows(self, numbers: list[int]) -> "RolloutBatch":
        """Return the rows of a micro-batch, without columns that are padding in all of them."""
        width = int(self.mask[numbers].sum(dim=1).max())
        return RolloutBatch(
            self.rows.select_rows(numbers),
            self.mask[numbers, :width],
            self.old_logprobs[numbers, :width],
            self.reference_logprobs[numbers, :width],
            self.advantages[numbers],
            self.divisors[numbers],
        )


class MinibatchLoss(NamedTuple):
    """Loss of the answers of a micro-batch."""

    loss: LossSum
    clipped: int
    """Tokens whose ratio is outside the limits."""
    n_tokens: int


@dataclass(frozen=True)
class PhaseRecord:
    """Measurements of one phase; all but the first three are means over its answers or tokens."""

    step: int
    """Phases done, counting this one."""
    loss: float
    """Loss of the last update."""
    grad_norm: float
    """Gradient norm of the last update, before clipping."""
    score: float
    """Score per answer."""
    kl: float
    """KL from the reference per answer, in nats: k1 summed over its tokens; 0 without one."""
    entropy: float
    """Entropy per token, in nats, estimated from the answers: the mean of -log pi(y_t)."""
    stopped: float
    """Share of answers that end with the stop token."""
    length: float
    """Tokens per answer."""
    flat: float
    """Share of groups whose answers all have the same score, so that they teach nothing."""
    clipped: float
    """Share of tokens, over all updates, whose ratio is outside the limits."""
    validation: float | None = None
    """None, for the progress bar: `score` is on fresh answers and needs no separate validation."""


def grpo(
    policy: Policy,
    reference: Policy | None,
    score: RewardFunction,
    prompts: Callable[[int], list[list[int]]],
    stop: int,
    config: GRPOHyperparameters,
    loop: LoopConfig,
    micro_batch_size: int | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[PhaseRecord, None, None]:
    """Train the policy in place and yield a record after every phase.

    Args:
        policy: the policy.
        reference: the frozen model that the policy is kept close to, in eval mode; None if the KL
            coefficient is 0.
        score: returns one score per answer.
        prompts: returns the prompts of a phase; must depend on its number only.
        stop: the token that ends an answer.
        config: the hyperparameters.
        loop: optimizer and learning rate; its number of steps follows from the phases.
        micro_batch_size: answers per forward and backward pass; the update does not depend on it.
        start: the checkpoint to resume from.
        folder: the folder to save checkpoints in.
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

            # score the answers; log pi_old of their tokens was computed when they were sampled
            rows, mask = answers.rows, aligned_answer_mask(answers.rows)
            old_logprobs = reference_logprobs = answers.logprobs
            with (
                torch.no_grad(),
                without_dropout(policy),
                autocast(training.device, loop.precision),
            ):
                scores = score(answers)
                if loop.precision != "fp32":  # the updates' precision is not that of the sampling
                    old_logprobs = policy(rows.tokens, rows.mask)
                    old_logprobs = align_answers(old_logprobs, rows, mask.shape[1])
                if reference is not None:
                    reference_logprobs = reference(rows.tokens, rows.mask)
                    reference_logprobs = align_answers(reference_logprobs, rows, mask.shape[1])
            kl = k1(old_logprobs, reference_logprobs, mask)

            # A_i = (r_i - mean of its group) / std of its group
            advantages = group_advantages(scores, group_size, config.scaling)
            is_flat = is_in_flat_group(scores, group_size)
            # if all groups are flat, all are kept, since a phase has a fixed number of updates
            kept = np.arange(len(mask))
            if config.skip_flat_groups and not is_flat.all():
                kept = kept[~is_flat.numpy(force=True)]
            # skipped answers are in no minibatch, so their divisor does not matter
            divisors = torch.ones_like(advantages)
            kept_divisors = config.group_loss.divisors(mask[kept], config.max_new_tokens)
            divisors[kept] = kept_divisors.to(divisors.dtype)
            batch = RolloutBatch(rows, mask, old_logprobs, reference_logprobs, advantages, divisors)

            # several epochs of minibatches on the same answers
            updates: list[StepRecord] = []
            row_lengths, clipped, n_tokens = rows.lengths.tolist(), 0, 0
            for epoch in range(config.n_epochs):
                order = np.random.default_rng([loop.seed, phase, epoch]).permutation(kept)
                for numbers in np.array_split(order, config.n_minibatches):
                    # answers of similar length share a micro-batch, to save padding
                    own = sorted(local_rows(numbers).tolist(), key=row_lengths.__getitem__)
                    parts = split_into_batches(own, micro_batch_size)
                    for part in training.micro_batches(parts):
                        found = minibatch_loss(training.model, batch.select_rows(part), config)
                        training.backward(found.loss)
                        if training.gradient.is_counted:
                            clipped, n_tokens = clipped + found.clipped, n_tokens + found.n_tokens
                    updates.append(training.update())

            n_clipped, n_trained = all_reduce(clipped, n_tokens)
            yield PhaseRecord(
                step=phase + 1,
                loss=updates[-1].loss,
                grad_norm=updates[-1].grad_norm,
                score=scores.mean().item(),
                kl=kl.sum(dim=1).mean().item(),
                entropy=-masked_mean(old_logprobs, mask).item(),
                stopped=answers.stopped.float().mean().item(),
                length=mask.sum(dim=1).float().mean().item(),
                flat=is_flat.float().mean().item(),
                clipped=n_clipped / n_trained,
            )


def minibatch_loss(policy: Any, batch: RolloutBatch, config: GRPOHyperparameters) -> MinibatchLoss:
    """Sum the loss over the answers of a micro-batch (Shao et al. 2024, eq. 3).

    loss = mean over the answers i of (sum over t of L_it + kl_coef KL_it) / divisor_i

    L_it and divisor_i are those of `losses`; for GRPO, with ratio_it = pi(y_it) / pi_old(y_it),
    L_it = -min(ratio_it A_i, clip(ratio_it, 1 - epsilon, 1 + epsilon) A_i).
    """
    rows, mask = batch.rows, batch.mask
    with without_dropout(policy):
        logprobs = align_answers(policy(rows.tokens, rows.mask), rows, mask.shape[1])
    token_losses, _, epsilon_low, epsilon_high = config.group_loss
    losses, clipped = token_losses(
        logprobs, batch.old_logprobs, batch.advantages, mask, epsilon_low, epsilon_high
    )
    if config.kl_coef > 0:
        kl = kl_token_losses(logprobs, batch.old_logprobs, batch.reference_logprobs, mask)
        losses = losses + config.kl_coef * kl
    per_answer = losses.sum(dim=1) / batch.divisors
    # the step divides by the answers of all its micro-batches
    loss = LossSum(per_answer.sum(), len(mask))
    return MinibatchLoss(loss, int(clipped.sum()), int(mask.sum()))
