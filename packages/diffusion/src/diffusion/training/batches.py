"""The batches of a step: rows, noise, times and dropped conditions, from the seed and the step.

Nothing else decides them, so a resumed run repeats them. Under torchrun every process draws the
same batch and keeps its own rows, so several processes compute the gradient of a single one.
"""

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor, nn

from diffusion.flow.loss import FlowBatch, draw_flow_batch, flow_loss
from diffusion.training.examples import Examples
from diffusion.training.options import TrainConfig
from diffusion.vae.loss import VAEBatch
from gpt.policy.rows import EpochSampler
from gpt.runs.processes import n_processes, rank

BatchOfRows = FlowBatch | VAEBatch
"""A batch whose first field has a row per example."""
StepBatches = Callable[[int], list[BatchOfRows]]
"""Function that returns the micro-batches of a step."""


def step_generator(seed: int, step: int) -> torch.Generator:
    """Return the generator of a step's random draws."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


def micro_batches(batch: BatchOfRows, size: int, device: torch.device) -> list[BatchOfRows]:
    """Return the rows of this process, in micro-batches."""
    own = batch.select(slice(rank(), None, n_processes()))
    n_rows = len(own[0])
    return [own.select(slice(i, i + size)).to(device) for i in range(0, n_rows, size)]


def flow_batches(
    examples: Examples, null: Int[Tensor, " T"], config: TrainConfig, device: torch.device
) -> StepBatches:
    """Return a function that draws the batch of a step."""
    epochs = EpochSampler(len(examples.x), config.batch_size, config.loop.seed)
    size = config.micro_batch_size or config.batch_size

    def batches(step: int) -> list[BatchOfRows]:
        rows = epochs(step)
        x, condition = examples.x[rows], examples.condition[rows]
        generator = step_generator(config.loop.seed, step)
        batch = draw_flow_batch(x, condition, null, config.drop_rate, config.times, generator)
        return micro_batches(batch, size, device)

    return batches


def flow_validation(
    held_out: Examples, null: Int[Tensor, " T"], size: int, device: torch.device
) -> Callable[[nn.Module], float]:
    """Return a function that measures the loss of a model on held-out examples.

    The times are evenly spaced, and times and noise are the same at every call.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = draw_flow_batch(held_out.x, held_out.condition, null, 0.0, "uniform", generator)
    n = len(held_out.x)
    batch = drawn._replace(t=(torch.randperm(n, generator=generator) + 0.5) / n)

    def validate(model: nn.Module) -> float:
        total = 0.0
        with torch.no_grad():
            for i in range(0, n, size):
                total += flow_loss(model, batch.select(slice(i, i + size)).to(device)).total.item()
        return total / batch.x.numel()

    return validate
