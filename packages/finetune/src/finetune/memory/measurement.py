"""A real training step, to check the estimate of its memory.

`gpt.evaluation.live_bytes` measures it: the tensors that autograd saves, and all that are in use.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from finetune.lora.inject import inject
from finetune.lora.nf4 import quantise_model
from finetune.memory.step import TrainingStep
from gpt.model.checkpointing import checkpoint_blocks
from gpt.model.config import GPTConfig
from gpt.policy.policy import Policy
from gpt.runs.parallel import autocast
from gpt.training.optimizer import make_adamw, make_muon_and_adamw


class MeasuredStep:
    """A real training step as described: a model with random weights, and random texts."""

    def __init__(self, config: GPTConfig, step: TrainingStep) -> None:
        self.step, self.model = step, Policy(config)
        if step.precision == "bf16":
            self.model.bfloat16()
        if step.quantised:
            quantise_model(self.model)
        if step.lora is not None:
            inject(self.model, step.lora)
        if step.checkpoint_activations:
            checkpoint_blocks(self.model)
        self.trainable = [each for each in self.model.parameters() if each.requires_grad]
        rate, betas = 1e-4, (0.9, 0.95)
        if step.optimizer == "muon":
            self.optimizer = make_muon_and_adamw(self.model, rate, 0.95, rate, betas, 0.0)
        else:
            self.optimizer = make_adamw(self.trainable, rate, betas, 0.0)
        self.tokens = torch.randint(0, config.vocab_size, (step.n_rows, step.n_positions + 1))
        # score positions from the ends of all rows, so that no row has padding
        order = torch.arange(step.n_rows * step.n_positions).view(step.n_positions, step.n_rows)
        self.mask = F.pad((order < step.n_scored).flip(0).T, (1, 0))

    def loss(self) -> Float[Tensor, ""]:
        """Run the forward pass."""
        with autocast("cpu", {"mixed": "bf16"}.get(self.step.precision, "fp32")):
            return -self.model(self.tokens, self.mask).sum()

    def run(self) -> None:
        """Run the whole step: forward, backward, clipping, optimizer."""
        self.loss().backward()
        nn.utils.clip_grad_norm_(self.trainable, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
