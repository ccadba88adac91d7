"""Forward passes over several processes, compiled, or in lower precision."""

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
    """A model wrapped for training, and the running average of its weights."""

    wrapped_model: Any
    """The model that losses call."""
    ema_model: nn.Module | None
    """Copy that holds the average of the weights; None if none is kept."""


def wrap_for_data_parallelism(model: nn.Module, config: LoopConfig) -> ParallelModel:
    """Replicate or shard the model over the processes, and compile it if the config says so.

    Each process gets its own random seed, so that its rows have dropout of their own.
    """
    if rank() > 0:
        torch.manual_seed(config.seed + rank())
    ema_model = copy.deepcopy(model) if config.ema_decay else None
    if config.shard and ema_model is not None:
        shard_model(ema_model)
    wrapped = shard_model(model) if config.shard else replicate_model(model)
    return ParallelModel(compile_or_warn(wrapped) if config.compile else wrapped, ema_model)


def autocast(device: str, precision: str) -> Any:
    """Return a context in which matrix products are computed in the given precision."""
    formats = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if precision == "fp32":
        return nullcontext()
    # no cache of cast weights: with sharding, each micro-batch gathers new tensors
    return torch.autocast(device, dtype=formats[precision], cache_enabled=False)


def compile_or_warn(model: nn.Module) -> Any:
    """Compile the model; without a C++ compiler, warn and return it unchanged."""
    if not has_compiler():
        warnings.warn("no C++ compiler found; training without torch.compile", stacklevel=2)
        return model
    return torch.compile(model)
