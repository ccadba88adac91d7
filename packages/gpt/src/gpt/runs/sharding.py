"""Two ways to hold one model in several processes.

Replicated (DDP, Li et al. 2020): every process holds all weights, and gradients are averaged while
the backward pass still runs. Sharded (FSDP, Zhao et al. 2023; stage 3 of ZeRO, Rajbhandari et al.
2020): every process holds a slice of each weight, of its gradient and of its moments; a block's
weights are gathered when the pass arrives there and dropped when it has left.

Both average over the processes. The mean that is wanted runs over all terms of the batch, wherever
they lie, so `accumulate_gradient` multiplies by the number of processes and divides by the terms.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gpt.runs.processes import n_processes

# torch.distributed.tensor takes seconds to import, so only those who need it do


def replicate_model(model: nn.Module) -> nn.Module:
    """The model with its gradients averaged over the processes; alone, the model itself."""
    if n_processes() == 1:
        return model
    return DistributedDataParallel(model)


def shard_model(model: nn.Module) -> nn.Module:
    """The model, each block and then the rest sliced over the processes, in place."""
    if n_processes() == 1:
        return model
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(next(model.parameters()).device.type, (n_processes(),))
    for block in stacked_blocks(model):
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh, reshard_after_forward=True)  # whole again after a validation too
    return model


def stacked_blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The layers of the outermost stacks of a model."""
    for child in model.children():
        yield from child if isinstance(child, nn.ModuleList) else stacked_blocks(child)


def without_gradient_averaging(model: Any) -> AbstractContextManager[Any]:
    """Keep gradients at home: a replicated model need only average the sum of its micro-batches.

    A sharded one has no room for whole gradients, and averages each time.
    """
    inner = getattr(model, "_orig_mod", model)  # what torch.compile has wrapped
    return inner.no_sync() if isinstance(inner, DistributedDataParallel) else nullcontext()


def gather_full_tensor(tensor: Shaped[Tensor, "*B"]) -> Shaped[Tensor, "*B"]:
    """A tensor whose slices are gathered; all processes must ask for it."""
    if n_processes() == 1:
        return tensor
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(tensor: Shaped[Tensor, "*B"], pattern: Shaped[Tensor, "*C"]) -> Shaped[Tensor, "*B"]:
    """A whole tensor, sliced as another of the same shape is, or left whole where that one is."""
    if n_processes() == 1:
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(pattern, DTensor) or tensor.shape != pattern.shape:
        return tensor
    return distribute_tensor(
        tensor.to(pattern.device), pattern.device_mesh, pattern.placements, src_data_rank=None
    )
