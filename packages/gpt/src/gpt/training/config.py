"""What a training can be told, whatever the model."""

import math
from dataclasses import dataclass
from typing import Literal

from gpt.errors import BadInput, check_seed
from gpt.training.schedule import warmup_cosine


@dataclass(frozen=True)
class LoopConfig:
    """How to train, whatever the model."""

    steps: int = 1200
    """Updates of the weights; on the default text the trigram model is passed on the way."""
    learning_rate: float = 3e-3
    """Peak rate; small models bear more than large ones (GPT-3 Small: 6e-4)."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for all weights, or Muon for the matrices inside the blocks and AdamW for the rest."""
    muon_rate: float = 0.02
    """Peak rate of Muon, whose step has a length of its own; about right for models of any size."""
    momentum: float = 0.95
    """Muon's memory of the gradient."""
    final_rate: float = 0.1
    """The last step's rate, as a share of the peak."""
    warmup: float = 0.05
    """Share of the steps in which the rate climbs to its peak."""
    beta1: float = 0.9
    """AdamW's memory of the gradient."""
    beta2: float = 0.95
    """AdamW's memory of its square; shorter than the usual .999, since runs are short."""
    weight_decay: float = 0.1
    """How much the matrices shrink, times the rate, each step."""
    clip: float = 1.0
    """Longest gradient; a longer one is scaled down to it."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Number format of the products; weights stay in fp32. The half formats pay on a GPU."""
    shard: bool = False
    """Under torchrun: slice the weights over the processes, where one cannot hold them all."""
    compile: bool = False
    """Compile the model first (torch.compile); pays off in runs of many minutes."""
    ema: float = 0.0
    """Keep an average of the weights with this decay and judge that one; 0 keeps none."""
    save_every: int = 200
    """Validate and save after every so many steps, and at the end."""
    patience: int = 0
    """Stop after so many validations in a row without a new best; 0 never stops early."""
    seed: int = 0
    """Decides the first weights, the batches and the dropout."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no run."""
        for name, low in {"steps": 1, "save_every": 1, "patience": 0}.items():
            if getattr(self, name) < low:
                raise BadInput(f"{name} must be at least {low}, got {getattr(self, name)}")
        check_seed(self.seed)
        for name in ("learning_rate", "muon_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("final_rate", "warmup", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("momentum", "beta1", "beta2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise BadInput(f"{name} must lie in [0, 1), got {getattr(self, name)}")

    def schedule_factor(self, step: int) -> float:
        """Factor by which every peak learning rate is multiplied in a step, in [0, 1]."""
        return warmup_cosine(
            step, self.steps, round(self.warmup * self.steps), 1.0, self.final_rate
        )

    def rate(self, step: int) -> float:
        """Return the learning rate of a step; Muon's has the same factor to its own peak."""
        return self.schedule_factor(step) * self.learning_rate
