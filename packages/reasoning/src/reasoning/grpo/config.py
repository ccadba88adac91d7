"""Hyperparameters of GRPO for language models."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from tyro.conf import arg

from gpt.errors import BadInput
from gpt.training.config import LoopConfig
from reasoning.grpo.advantages import Scaling
from reasoning.grpo.losses import GROUP_LOSSES, GroupLoss

INFINITY = float("inf")
LossName = Literal["grpo", "dr_grpo", "dapo", "gspo", "cispo"]
OF_THE_LOSS = arg(help_behavior_hint="(default: that of the loss)")


@dataclass(frozen=True)
class GRPOHyperparameters:
    """Sizes of a phase, and coefficients of advantages and losses."""

    n_phases: int = 500
    """Phases: each generates answers, then trains on them. More learn more and take longer."""
    prompts_per_phase: int = 16
    """Prompts per phase. More give steadier updates and slower phases."""
    group_size: int = 8
    """Answers per prompt, which are compared with each other.
    More make fewer groups flat, and phases slower."""
    max_new_tokens: int = 110
    """Longest answer, in tokens; an answer that has not stopped by then is cut off."""
    n_epochs: int = 1
    """Passes over the answers of a phase. More learn more from each answer.
    In later passes, the policy has moved further from the one that generated the answers."""
    n_minibatches: int = 1
    """Updates per epoch. More updates use smaller minibatches, whose gradients are noisier."""
    loss: LossName = "grpo"
    """Loss: grpo, dr_grpo (every answer is divided by the same length; use it with --scaling none),
    dapo (all tokens count the same), gspo (one ratio per answer) or cispo (limited weights)."""
    scaling: Scaling = "group"
    """Divide the advantages by the standard deviation of their group, of the whole batch, or not at
    all. With `group`, problems that are nearly always or nearly never solved count more."""
    skip_flat_groups: bool = False
    """Leave out groups whose answers all have the same reward: faster, and the loss is then a mean
    over the other answers only, which makes updates larger."""
    epsilon_low: Annotated[float | None, OF_THE_LOSS] = None
    """Lower limit of the probability ratio, as a distance from 1. Larger allows larger updates."""
    epsilon_high: Annotated[float | None, OF_THE_LOSS] = None
    """Upper limit of the probability ratio, as a distance from 1; for cispo the limit itself.
    Larger allows larger updates."""
    kl_coef: float = 0.0
    """Weight of the KL from the start model in the loss. 0 needs no second model.
    Higher values keep the policy closer to its start."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range, or there are too few answers.
        """
        sizes = ("n_phases", "prompts_per_phase", "max_new_tokens", "n_epochs", "n_minibatches")
        for name in sizes:
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.group_size < 2:
            raise BadInput(f"group_size must be at least 2, got {self.group_size}")
        # with flat groups skipped, a phase may train on a single group
        fewest = self.group_size if self.skip_flat_groups else self.answers_per_phase
        if fewest < self.n_minibatches:
            kind = "a group" if self.skip_flat_groups else "a phase"
            raise BadInput(
                f"{kind} has {fewest} answers, which cannot be split into "
                f"{self.n_minibatches} minibatches"
            )
        if self.loss == "cispo" and self.epsilon_low is not None:
            raise BadInput("cispo has no lower limit; leave epsilon_low out")
        for name in ("epsilon_low", "epsilon_high"):
            value = getattr(self, name)
            if value is not None and not 0 < value < INFINITY:
                raise BadInput(f"{name} must be a positive number, got {value}")
        if not 0 <= self.kl_coef < INFINITY:
            raise BadInput(f"kl_coef must be a number from 0 up, got {self.kl_coef}")

    @property
    def answers_per_phase(self) -> int:
        """Answers per phase, to all prompts."""
        return self.prompts_per_phase * self.group_size

    @property
    def updates_per_phase(self) -> int:
        """Optimizer steps per phase."""
        return self.n_epochs * self.n_minibatches

    @property
    def group_loss(self) -> GroupLoss:
        """The loss, with the limits of the options where they are given."""
        loss = GROUP_LOSSES[self.loss]
        low, high = self.epsilon_low, self.epsilon_high
        return loss._replace(
            epsilon_low=loss.epsilon_low if low is None else low,
            epsilon_high=loss.epsilon_high if high is None else high,
        )

    def loop_config(self, loop: LoopConfig) -> LoopConfig:
        """Return a loop with the steps of all phases, which saves only between two phases."""
        every = self.updates_per_phase
        save_every = every * max(1, loop.save_every // every)
        return replace(loop, steps=self.n_phases * every, save_every=save_every)
