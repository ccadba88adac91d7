"""A model wrapped for training: replicated or sharded over several processes, and compiled.

Replicated (DDP, Li et al. 2020): every process holds all weights, and gradients are averaged during
the backward pass. Sharded (FSDP, Zhao et al. 2023; stage 3 of ZeRO, Rajbhandari et al. 2020): every
process holds a slice of each weight, of its gradient and of its moments. The weights of a block are
gathered just before they are needed, and freed afterwards.

Both divide the summed gradient by the number of processes. Our loss is divided by the number of
terms of the whole batch instead, so `GradientAccumulator` undoes that division: it multiplies by
the number of processes.
"""

import copy
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gpt.device import has_compiler
from gpt.runs.processes import n_processes, rank
from gpt.training.config import LoopConfig

# torch.distributed.tensor takes seconds to import, so it is imported inside functions


class ParallelModel(NamedTuple):
    """A model wrapped for training, and the running average of its weights."""

    wrapped_model: Any
    """The model that losses call."""
    ema_model: nn.Module | None
    """Copy that holds the average of the weights; None if none is kept."""


def wrap_for_data_parallelism(model: nn.Module, config: LoopConfig) -> ParallelModel:
    """Replicate or shard the model over the processes, and compile it if the config says so.

    Each process gets its own random seed, so that dropout differs between processes.
    """
    if rank() > 0:
        torch.manual_seed(config.seed + rank())
    ema_model = copy.deepcopy(model) if config.ema_decay else None
    if config.shard and ema_model is not None:
        shard_model(ema_model)
    wrapped = shard_model(model) if config.shard else replicate_model(model)
    return ParallelModel(compile_or_warn(wrapped) if config.compile else wrapped, ema_model)


def replicate_model(model: nn.Module) -> nn.Module:
    """Wrap a model so that its gradients are averaged over the processes, if there are several."""
    if n_processes() == 1:
        return model
    return DistributedDataParallel(model)


def shard_model(model: nn.Module) -> nn.Module:
    """Shard a model over the processes in place: each block, then the remaining weights."""
    if n_processes() == 1:
        return model
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(next(model.parameters()).device.type, (n_processes(),))
    for block in stacked_blocks(model):
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh, reshard_after_forward=True)  # sharded after a validation too
    return model


def stacked_blocks(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the blocks of a model: the modules in its outermost ModuleLists."""
    for child in model.children():
        yield from child if isinstance(child, nn.ModuleList) else stacked_blocks(child)


def gather_full_tensor(tensor: Shaped[Tensor, "*B"]) -> Shaped[Tensor, "*B"]:
    """Return the full tensor of a sharded one; all processes must call this."""
    if n_processes() == 1:
        return tensor
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(tensor: Shaped[Tensor, "*B"], pattern: Shaped[Tensor, "*C"]) -> Shaped[Tensor, "*B"]:
    """Shard a full tensor like the pattern; unchanged if the pattern is not sharded."""
    if n_processes() == 1:
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(pattern, DTensor) or tensor.shape != pattern.shape:
        return tensor
    return distribute_tensor(
        tensor.to(pattern.device), pattern.device_mesh, pattern.placements, src_data_rank=None
    )


def compile_or_warn(model: nn.Module) -> Any:
    """Compile the model; without a C++ compiler, warn and return it unchanged."""
    if not has_compiler():
        warnings.warn("no C++ compiler found; training without torch.compile", stacklevel=2)
        return model
    return torch.compile(model)


def autocast(device: str, precision: str) -> Any:
    """Return a context in which matrix products are computed in the given precision."""
    formats = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if precision == "fp32":
        return nullcontext()
    # no cache of cast weights: with sharding, each micro-batch gathers new tensors
    return torch.autocast(device, dtype=formats[precision], cache_enabled=False)
