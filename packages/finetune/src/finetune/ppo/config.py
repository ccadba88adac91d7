"""Hyperparameters of PPO for language models."""

from dataclasses import dataclass, replace
from typing import Annotated

from tyro.conf import arg

from gpt.errors import BadInput
from gpt.training.config import LoopConfig

INFINITY = float("inf")


@dataclass(frozen=True)
class PPOHyperparameters:
    """Sizes of a phase, and coefficients of rewards, advantages and losses."""

    n_phases: int = 40
    """Phases: each generates answers, then trains on them."""
    prompts_per_phase: int = 64
    """Answers generated per phase."""
    max_new_tokens: int = 32
    """Most tokens per answer; an answer that has not stopped by then is cut off."""
    n_epochs: int = 2
    """Optimisation epochs per phase. More epochs learn more from each batch of answers, but from
    staler ones."""
    n_minibatches: int = 4
    """Updates per epoch. More updates use smaller minibatches, whose gradients are noisier."""
    gamma: float = 1.0
    """Discount per token; below 1, rewards of later tokens count less."""
    gae_lambda: float = 0.95
    """Lambda of GAE. 0 relies on the critic (less variance), 1 on the rewards only (less bias)."""
    clip_epsilon: float = 0.2
    """Clip range of the probability ratio of a token. Larger values allow larger updates."""
    value_clip_epsilon: float = 0.2
    """Clip range of the critic's change within a phase, in units of reward."""
    value_coef: float = 0.1
    """Weight of the value loss, relative to the policy loss."""
    entropy_coef: float = 0.0
    """Weight of the entropy bonus. Higher values keep the policy more random."""
    kl_coef: float = 0.2
    """KL coefficient: reward subtracted per nat of KL from the reference model. Higher values keep
    the policy closer to it."""
    target_kl: Annotated[float | None, arg(help_behavior_hint="(default: keep --kl-coef)")] = None
    """Adapt the KL coefficient until the KL per answer is this many nats."""
    kl_horizon: int = 1000
    """Answers in which --target-kl changes the coefficient by at most a fifth."""
    missing_stop_penalty: float = 1.0
    """Reward subtracted from an answer that does not stop by itself."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range, or there are too few prompts.
        """
        sizes = ("n_phases", "prompts_per_phase", "max_new_tokens", "n_epochs", "n_minibatches")
        for name in (*sizes, "kl_horizon"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.prompts_per_phase < self.n_minibatches:
            raise BadInput(
                f"{self.prompts_per_phase} prompts per phase cannot be split into "
                f"{self.n_minibatches} minibatches"
            )
        for name in ("gamma", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("clip_epsilon", "value_clip_epsilon"):
            if not 0 < getattr(self, name) < INFINITY:
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("value_coef", "entropy_coef", "kl_coef", "missing_stop_penalty"):
            if not 0 <= getattr(self, name) < INFINITY:
                raise BadInput(f"{name} must be a number from 0 up, got {getattr(self, name)}")
        if self.target_kl is not None:
            self.check_adaptive_kl(self.target_kl)

    def check_adaptive_kl(self, target_kl: float) -> None:
        """Check that the KL coefficient can be adapted, and cannot become negative."""
        for name, value in (("target_kl", target_kl), ("kl_coef with a target_kl", self.kl_coef)):
            if not 0 < value < INFINITY:
                raise BadInput(f"{name} must be a number above 0, got {value}")
        if self.prompts_per_phase >= 5 * self.kl_horizon:
            raise BadInput(
                f"{self.prompts_per_phase} prompts per phase need a kl_horizon above "
                f"{self.prompts_per_phase / 5:g}, or the KL coefficient could become negative; "
                f"got {self.kl_horizon}"
            )

    @property
    def updates_per_phase(self) -> int:
        """Optimizer steps per phase."""
        return self.n_epochs * self.n_minibatches

    def loop_config(self, loop: LoopConfig) -> LoopConfig:
        """Return a loop with the steps of all phases, which saves only between two phases."""
        every = self.updates_per_phase
        save_every = every * max(1, loop.save_every // every)
        return replace(loop, steps=self.n_phases * every, save_every=save_every)
