"""Proximal policy optimisation of a language model (Ouyang et al. 2022, section 3.5).

`ppo` reads as algorithm 1 of Schulman et al. (2017): generate answers with the current policy,
compute their advantages, then update policy and critic several times on these answers.

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

from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.advantages import explained_variance, gae
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.losses import clipped_policy_loss, clipped_value_loss, ppo_loss
from finetune.ppo.rewards import AdaptiveKLController, penalise_missing_stop, token_rewards
from gpt.policy.kl import k1
from gpt.policy.policy import Policy, without_dropout
from gpt.policy.rollouts import Rollout, align_answers, aligned_answer_mask, rollout
from gpt.policy.rows import Rows
from gpt.policy.statistics import masked_mean, whiten
from gpt.runs.checkpoints import Checkpoint
from gpt.runs.parallel import autocast
from gpt.runs.processes import local_rows
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, StepRecord, Training

RewardFunction = Callable[[Rollout], Float[Tensor, " B"]]
"""Returns one score per answer: a reward model, or a rule."""


class RolloutBatch(NamedTuple):
    """Answers with everything that the updates of a phase are measured against.

    Answers begin in column 0, and padding follows. The numbers are computed once per phase, by the
    policy and the critic that generated the answers.
    """

    rows: Rows
    mask: Bool[Tensor, "B A"]
    """True on the tokens of the answer."""
    old_logprobs: Float[Tensor, "B A"]
    old_values: Float[Tensor, "B A"]
    advantages: Float[Tensor, "B A"]
    returns: Float[Tensor, "B A"]

    def select_rows(self, numbers: list[int]) -> "RolloutBatch":
        """Return the rows of a minibatch."""
        rows = Rows(*(each[numbers] for each in self.rows))
        return RolloutBatch(rows, *(each[numbers] for each in self[1:]))


@dataclass(frozen=True)
class PhaseRecord:
    """Measurements of one phase; all but the first four are means over its answers or tokens."""

    step: int
    """Phases done, counting this one."""
    loss: float
    """Loss of the last update."""
    grad_norm: float
    """Gradient norm of the last update, before clipping."""
    beta: float
    """KL coefficient in this phase."""
    score: float
    """Score per answer, before any penalty."""
    kl: float
    """KL from the reference per answer, in nats: k1 summed over its tokens."""
    entropy: float
    """Entropy per token, in nats."""
    stopped: float
    """Share of answers that end with the stop token."""
    length: float
    """Tokens per answer."""
    explained: float
    """Explained variance of the critic: 1 if it predicts all returns, 0 or less if it is no better
    than their mean."""
    validation: float | None = None
    """None, for the progress bar: `score` is on fresh answers and needs no separate validation."""


def ppo(
    models: ActorCritic,
    reference: Policy,
    score: RewardFunction,
    prompts: Callable[[int], list[list[int]]],
    stop: int,
    config: PPOHyperparameters,
    loop: LoopConfig,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[PhaseRecord, None, None]:
    """Train policy and critic in place and yield a record after every phase.

    Args:
        models: the policy and the critic.
        reference: the frozen model that the policy is kept close to, in eval mode.
        score: returns one score per answer.
        prompts: returns the prompts of a phase; must depend on its number only.
        stop: the token that ends an answer.
        config: the hyperparameters.
        loop: optimizer and learning rate; its number of steps follows from the phases.
        start: the checkpoint to resume from.
        folder: the folder to save checkpoints in.
    """
    loop = config.loop_config(loop)
    with Training(models, loop, start=start, folder=folder) as training:
        for phase in range(training.state.step // config.updates_per_phase, config.n_phases):
            # answer the prompts with the current policy
            seed = int(np.random.default_rng([loop.seed, phase]).integers(2**62))
            generator = torch.Generator().manual_seed(seed)
            answers = rollout(models.policy, prompts(phase), config.max_new_tokens, stop, generator)

            # score the answers, and run the models on them before the updates, in their precision
            rows, mask = answers.rows, aligned_answer_mask(answers.rows)
            with (
                torch.no_grad(),
                without_dropout(models),
                autocast(training.device, loop.precision),
            ):
                scores = score(answers)
                old = models(rows.tokens, rows.mask)
                reference_logprobs = reference(rows.tokens, rows.mask)
            width = mask.shape[1]
            old_logprobs = align_answers(old.logprobs, rows, width)
            old_values = align_answers(old.values, rows, width)
            entropy = align_answers(old.entropy, rows, width)
            reference_logprobs = align_answers(reference_logprobs, rows, width)

            # r_t = -kl_coef (log pi_old(y_t) - log pi_ref(y_t)), plus the score on the last token
            kl_coef = models.beta.item()  # `beta` in checkpoints
            kl = k1(old_logprobs, reference_logprobs, mask)
            final = penalise_missing_stop(scores, answers.stopped, config.missing_stop_penalty)
            rewards = token_rewards(kl, final.to(kl.dtype), mask, kl_coef)

            # A_t = delta_t + gamma lambda A_{t+1}, with delta_t = r_t + gamma V_{t+1} - V_t,
            # and R_t = A_t + V_t, which the critic should have predicted
            advantages, returns = gae(rewards, old_values, mask, config.gamma, config.gae_lambda)
            batch = RolloutBatch(
                rows, mask, old_logprobs, old_values, whiten(advantages, mask), returns
            )

            kl_per_answer = kl.sum(dim=1).mean().item()
            if config.target_kl is not None:  # the coefficient of the next phase
                now = AdaptiveKLController(kl_coef, config.target_kl, config.kl_horizon)
                models.beta.fill_(now.updated(kl_per_answer, len(mask)).kl_coef)

            # several epochs of minibatches on the same answers
            updates: list[StepRecord] = []
            for epoch in range(config.n_epochs):
                order = np.random.default_rng([loop.seed, phase, epoch]).permutation(len(mask))
                for numbers in np.array_split(order, config.n_minibatches):
                    minibatch = batch.select_rows(local_rows(numbers).tolist())
                    for micro_batch in training.micro_batches([minibatch]):
                        training.backward(minibatch_loss(training.model, micro_batch, config))
                    updates.append(training.update())

            yield PhaseRecord(
                step=phase + 1,
                loss=updates[-1].loss,
                grad_norm=updates[-1].grad_norm,
                beta=kl_coef,
                score=scores.mean().item(),
                kl=kl_per_answer,
                entropy=masked_mean(entropy, mask).item(),
                stopped=answers.stopped.float().mean().item(),
                length=mask.sum(dim=1).float().mean().item(),
                explained=explained_variance(advantages, returns, mask),
            )


def minibatch_loss(models: Any, batch: RolloutBatch, config: PPOHyperparameters) -> LossSum:
    """Sum the PPO loss over the answer tokens of a minibatch (Schulman et al. 2017, eqs. 7 and 9).

    policy = -mean of min(ratio_t A_t, clip(ratio_t, 1 - epsilon, 1 + epsilon) A_t)
    ratio_t = pi(y_t) / pi_old(y_t)
    value = mean of (V_t - R_t)^2 / 2, with V_t clipped too
    loss = policy + value_coef value - entropy_coef mean entropy
    """
    rows, mask = batch.rows, batch.mask
    with without_dropout(models):
        outputs = models(rows.tokens, rows.mask)
    logprobs, entropy, values = (align_answers(each, rows, mask.shape[1]) for each in outputs)
    policy = clipped_policy_loss(
        logprobs, batch.old_logprobs, batch.advantages, mask, config.clip_epsilon
    )
    value = clipped_value_loss(
        values, batch.old_values, batch.returns, mask, config.value_clip_epsilon
    )
    mean = ppo_loss(
        policy.loss,
        value.loss,
        masked_mean(entropy, mask),
        config.value_coef,
        config.entropy_coef,
    )
    n_tokens = int(mask.sum())  # the step divides by the tokens of all its micro-batches
    return LossSum(n_tokens * mean, n_tokens)
