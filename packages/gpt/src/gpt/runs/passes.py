"""How a pass runs through the model: over how many processes, compiled or not, in which format."""

import copy
import warnings
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import nn

from gpt.device import has_compiler
from gpt.runs.processes import rank
from gpt.runs.sharding import replicate_model, shard_model
from gpt.training.config import LoopConfig


class ParallelModel(NamedTuple):
    """One model over the processes."""

    forward: Any
    """What the passes run through."""
    average: nn.Module | None
    """The copy that follows the weights, where one is wanted."""


def wrap_for_data_parallelism(model: nn.Module, config: LoopConfig) -> ParallelModel:
    """The model as each process runs it, with random numbers of its own for its rows' dropout."""
    if rank() > 0:
        torch.manual_seed(config.seed + rank())
    average = copy.deepcopy(model) if config.ema else None
    if config.shard and average is not None:
        shard_model(average)
    forward = shard_model(model) if config.shard else replicate_model(model)
    return ParallelModel(compile_or_warn(forward) if config.compile else forward, average)


def autocast(device: str, precision: str) -> Any:
    """Run products in a half format where one is asked for."""
    formats = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if precision == "fp32":
        return nullcontext()
    # no cache of cast weights: sharded ones are other tensors in the next micro-batch
    return torch.autocast(device, dtype=formats[precision], cache_enabled=False)


def compile_or_warn(model: nn.Module) -> Any:
    """The model compiled, or as it is, with a warning, where this machine has no compiler."""
    if not has_compiler():
        warnings.warn("no C++ compiler found; training without torch.compile", stacklevel=2)
        return model
    return torch.compile(model)
