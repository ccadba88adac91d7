"""Hyperparameters of the training loop, for any model, and the learning rate of each step."""

import math
from dataclasses import dataclass
from typing import Literal

from gpt.errors import BadInput, check_seed


@dataclass(frozen=True)
class LoopConfig:
    """Hyperparameters of the training loop."""

    steps: int = 1200
    """Training steps: updates of the weights. More learn more and take longer."""
    learning_rate: float = 3e-3
    """Peak learning rate of AdamW. Higher learns faster, until training becomes unstable.
    Larger models need a lower one (GPT-3 Small: 6e-4).
    With --optimizer muon, it applies to all weights but the matrices inside the blocks."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for all weights, or Muon for the matrices inside the blocks and AdamW for the rest."""
    muon_learning_rate: float = 0.02
    """Peak learning rate of Muon. Higher learns faster, until training becomes unstable.
    About the same value suits models of any size."""
    muon_momentum: float = 0.95
    """Decay of Muon's running mean of the gradient.
    Higher averages over more steps and reacts more slowly."""
    min_lr_ratio: float = 0.1
    """Final learning rate, as a fraction of the peak. 0 decays to zero, 1 never decays."""
    warmup_ratio: float = 0.05
    """Fraction of the steps over which the learning rate rises to its peak.
    Higher starts more gently."""
    beta1: float = 0.9
    """Decay of AdamW's running mean of the gradient.
    Higher averages over more steps and reacts more slowly."""
    beta2: float = 0.95
    """Decay of AdamW's running mean of the squared gradient.
    Higher averages over more steps and reacts more slowly; the usual 0.999 is for longer runs."""
    weight_decay: float = 0.1
    """Each step shrinks the matrices by this fraction, times the learning rate.
    Higher regularises more."""
    max_grad_norm: float = 1.0
    """A gradient with a larger norm is scaled down to this norm. Lower scales down more steps."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Number format of matrix products; weights stay in fp32.
    bf16 and fp16 are faster on a GPU, and less exact."""
    shard: bool = False
    """Under torchrun, divide the weights among the processes (FSDP): less memory, slower steps."""
    compile: bool = False
    """Compile the model first (torch.compile): a slow start, then faster steps."""
    ema_decay: float = 0.0
    """Decay of a running average of the weights, which is the model that is kept.
    Higher averages over more steps; 0 keeps no average. It grows to this value from 0.18
    at the first step, so that the first, random weights are soon forgotten."""
    save_every: int = 200
    """Steps between validations. Each validation also saves a checkpoint, as does the last step.
    Fewer steps lose less after a crash, but the run takes longer."""
    patience: int = 0
    """Stop after this many validations in a row without a new lowest loss.
    0 never stops early."""
    seed: int = 0
    """Random seed of new weights and of every random choice in training, such as the batches."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of range.
        """
        for name, low in {"steps": 1, "save_every": 1, "patience": 0}.items():
            if getattr(self, name) < low:
                raise BadInput(f"{name} must be at least {low}, got {getattr(self, name)}")
        check_seed(self.seed)
        for name in ("learning_rate", "muon_learning_rate", "max_grad_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("min_lr_ratio", "warmup_ratio", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("muon_momentum", "beta1", "beta2", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise BadInput(f"{name} must lie in [0, 1), got {getattr(self, name)}")

    def schedule_factor(self, step: int) -> float:
        """Return the factor, in [0, 1], on every peak learning rate in a step."""
        return warmup_cosine(
            step, self.steps, round(self.warmup_ratio * self.steps), 1.0, self.min_lr_ratio
        )


def warmup_cosine(step: int, steps: int, warmup: int, peak: float, floor: float) -> float:
    r"""Return the learning rate of a step, counted from 0 to `steps` - 1.

    rate = peak (step + 1) / warmup                              while step < warmup
    rate = floor + (peak - floor) (1 + cos(pi t)) / 2            after, t from 0 to 1

    (warm-up: Goyal et al. 2017, section 2.2; cosine: Loshchilov and Hutter 2017, eq. 5.) The peak
    is reached at the end of the warm-up, the floor at the last step.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    t = (step - warmup) / max(steps - 1 - warmup, 1)
    return floor + (peak - floor) * (1 + math.cos(math.pi * t)) / 2
