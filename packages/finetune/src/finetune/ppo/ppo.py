"""Proximal policy optimisation of a language model (Ouyang et al. 2022, section 3.5).

A phase: answer prompts, judge the answers, then a few updates on them (Schulman et al. 2017,
algorithm 1). The updates are steps of the training loop that all of this workspace uses, which
calls for the next minibatch and so, at the first of a phase, for a rollout. It brings clipping of
the gradient, checkpoints and several processes with it.

Every random number follows from the seed and the phase, and checkpoints are taken between phases,
so a resumed run goes on with the same bits.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from finetune.dpo.training import without_dropout
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.advantages import masked_mean
from finetune.ppo.kl import AdaptiveKLController
from finetune.ppo.losses import clipped_policy_loss, clipped_value_loss, ppo_loss
from finetune.ppo.phases import (
    PhaseMetrics,
    ReferenceLogprobs,
    RewardFunction,
    RolloutBatch,
    align_answers,
    score_rollout,
)
from finetune.ppo.rollouts import rollout
from gpt.errors import BadInput
from gpt.runs.checkpoints import Checkpoint
from gpt.runs.passes import autocast
from gpt.runs.processes import local_rows
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, train


@dataclass(frozen=True)
class PPOConfig:
    """How to learn from scores."""

    phases: int = 40
    """Times that the policy answers and then learns."""
    prompts: int = 64
    """Answers in a phase."""
    room: int = 32
    """Most tokens of an answer; one that has not stopped by then is cut off."""
    epochs: int = 2
    """Passes over the answers of a phase; more teach more of them, and trust them longer."""
    minibatches: int = 4
    """Updates in a pass."""
    gamma: float = 1.0
    """Worth of a reward one token later; an answer is short, so all count alike."""
    lam: float = 0.95
    """Lambda of GAE: 0 trusts the critic, 1 only what was paid."""
    epsilon: float = 0.2
    """How far the ratio of a token's probabilities may move in a phase."""
    value_epsilon: float = 0.2
    """How far the critic may move in a phase, in units of reward."""
    value_weight: float = 0.1
    """Weight of the critic's loss beside the policy's."""
    entropy_weight: float = 0.0
    """Bonus for a policy that stays undecided."""
    beta: float = 0.2
    """Reward given up for a nat of KL from the reference, at the start."""
    target_kl: float | None = None
    """Move beta until an answer's KL is this many nats; without it, beta stays."""
    horizon: int = 1000
    """Answers over which beta moves by a fifth."""
    missing_stop: float = 1.0
    """Reward given up by an answer that does not stop."""

    def __post_init__(self) -> None:
        """Refuse what makes no phase."""
        for name in ("phases", "prompts", "room", "epochs", "minibatches", "horizon"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.prompts < self.minibatches:
            raise BadInput(
                f"{self.prompts} prompts cannot be cut into {self.minibatches} minibatches"
            )
        for name in ("gamma", "lam"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("epsilon", "value_epsilon"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("value_weight", "entropy_weight", "beta", "missing_stop"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise BadInput(f"{name} must be a number from 0 up, got {getattr(self, name)}")
        if self.target_kl is not None:
            AdaptiveKLController(self.beta, self.target_kl, self.horizon)
            if self.prompts >= 5 * self.horizon:
                raise BadInput(
                    f"{self.prompts} prompts a phase want a horizon above {self.prompts / 5:g}, or "
                    f"the price of the KL could fall below 0; got {self.horizon}"
                )

    @property
    def updates(self) -> int:
        """Updates in a phase."""
        return self.epochs * self.minibatches


@dataclass(frozen=True)
class PhaseRecord:
    """What happened in one phase."""

    step: int
    """Phases done, counting this one."""
    loss: float
    """Of the last update."""
    grad_norm: float
    """Of the last update, before clipping."""
    beta: float
    """Price of a nat of KL in this phase."""
    score: float
    kl: float
    entropy: float
    stopped: float
    length: float
    explained: float
    """These six: see `PhaseMetrics`."""
    validation: float | None = None
    """There is none: every phase is judged on answers that were not trained on yet."""


def ppo(
    models: ActorCritic,
    reference: ReferenceLogprobs,
    score: RewardFunction,
    prompts: Callable[[int], list[list[int]]],
    stop: int,
    config: PPOConfig,
    loop: LoopConfig,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[PhaseRecord, None, None]:
    """Train policy and critic in place and yield a record after every phase.

    Args:
        models: what is trained.
        reference: log-probabilities of the policy that is not to be left far behind.
        score: what an answer is worth.
        prompts: the prompts of a phase; must depend on its number alone.
        stop: the token that ends an answer.
        config: how to learn.
        loop: rates and clipping of the updates; its `steps` follow from the phases.
        start: the checkpoint to go on from.
        folder: where to save checkpoints.
    """
    phases = PhaseBatches(models, reference, score, prompts, stop, config, loop)
    every = config.updates * max(1, loop.save_every // config.updates)
    loop = replace(loop, steps=config.phases * config.updates, save_every=every)
    loss = partial(minibatch_loss, config=config)
    records = train(models, phases, loss, loop, start=start, folder=folder)
    try:
        for record in records:
            if record.step % config.updates == 0:
                phase, found = record.step // config.updates, phases.outcome._asdict()
                yield PhaseRecord(phase, record.loss, record.grad_norm, phases.beta, **found)
    finally:
        records.close()


class PhaseBatches:
    """The minibatches of every update, with a rollout before the first of a phase."""

    lesson: RolloutBatch
    outcome: PhaseMetrics
    beta: float
    """The price of a nat of KL in this phase."""

    def __init__(
        self,
        models: ActorCritic,
        reference: ReferenceLogprobs,
        score: RewardFunction,
        prompts: Callable[[int], list[list[int]]],
        stop: int,
        config: PPOConfig,
        loop: LoopConfig,
    ) -> None:
        self.models, self.reference, self.score = models, reference, score
        self.prompts, self.stop, self.config = prompts, stop, config
        self.seed, self.precision = loop.seed, loop.precision

    def __call__(self, step: int) -> list[RolloutBatch]:
        """This process's share of the minibatch of an update."""
        phase, update = divmod(step, self.config.updates)
        if update == 0:
            self.begin(phase)
        epoch, place = divmod(update, self.config.minibatches)
        order = np.random.default_rng([self.seed, phase, epoch]).permutation(len(self.lesson.mask))
        numbers = np.array_split(order, self.config.minibatches)[place]
        return [self.lesson.pick(local_rows(numbers).tolist())]

    def begin(self, phase: int) -> None:
        """Answer the prompts, judge the answers, and move the price for the next phase."""
        config, random = self.config, np.random.default_rng([self.seed, phase])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        policy, self.beta = self.models.policy, self.models.beta.item()
        answers = rollout(policy, self.prompts(phase), config.room, self.stop, generator)
        device = self.models.beta.device.type
        with without_dropout(self.models), autocast(device, self.precision):  # as in the updates
            self.lesson, self.outcome = score_rollout(
                self.models,
                self.reference,
                self.score,
                answers,
                config.missing_stop,
                config.gamma,
                config.lam,
            )
        if config.target_kl is not None:
            price = AdaptiveKLController(self.beta, config.target_kl, config.horizon)
            self.models.beta.fill_(price.after(self.outcome.kl, config.prompts).beta)


def minibatch_loss(models: ActorCritic, piece: RolloutBatch, config: PPOConfig) -> LossSum:
    """The loss of a minibatch, summed over its tokens."""
    kept = piece.rows.mask[:, 1:]
    with without_dropout(models):
        outlook = models(piece.rows.tokens, piece.rows.mask)
    width = piece.mask.shape[1]
    logprobs, entropy, values = (
        torch.nn.functional.pad(each, (0, width - each.shape[1]))
        for each in (align_answers(each, kept) for each in outlook)
    )
    policy = clipped_policy_loss(
        logprobs, piece.old_logprobs, piece.advantages, piece.mask, config.epsilon
    )
    value = clipped_value_loss(
        values, piece.old_values, piece.returns, piece.mask, config.value_epsilon
    )
    mean_entropy = masked_mean(entropy, piece.mask)
    mean = ppo_loss(
        policy.loss, value.loss, mean_entropy, config.value_weight, config.entropy_weight
    )
    n_tokens = int(piece.mask.sum())
    return LossSum(n_tokens * mean, n_tokens)
