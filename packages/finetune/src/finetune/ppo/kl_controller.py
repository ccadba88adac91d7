"""The KL coefficient of PPO: fixed, or adapted so that the KL from the reference meets a target."""

from dataclasses import dataclass, replace

from gpt.errors import BadInput


@dataclass(frozen=True)
class AdaptiveKLController:
    """A KL coefficient that grows while the KL is above its target and shrinks while it is below.

    kl_coef <- kl_coef (1 + K clip(KL / target_kl - 1, -0.2, 0.2))    (Ziegler et al. 2019, s. 2.2)

    The paper's K is 0.1. Here K = n / horizon for an update with n answers, so that the coefficient
    changes as fast in a run of small updates as in one of large updates.
    """

    kl_coef: float
    """Reward subtracted per nat of KL."""
    target_kl: float = 6.0
    """Target of the KL per answer, summed over its tokens, in nats."""
    horizon: int = 10_000
    """Answers until the coefficient has changed by a fifth, while the KL is off by 20 % or more."""

    def __post_init__(self) -> None:
        """Check that all three are positive numbers.

        Raises:
            BadInput: one of them is not.
        """
        for name, value in vars(self).items():
            if not 0 < value < float("inf"):
                raise BadInput(f"{name} must be a number above 0, got {value}")

    def updated(self, kl: float, n_answers: int) -> "AdaptiveKLController":
        """Return the controller of the next update, given the mean KL of this one's answers."""
        error = min(max(kl / self.target_kl - 1, -0.2), 0.2)
        return replace(self, kl_coef=self.kl_coef * (1 + error * n_answers / self.horizon))
