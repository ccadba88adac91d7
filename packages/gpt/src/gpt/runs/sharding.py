"""Two ways to distribute a model over several processes: replicated and sharded.

Replicated (DDP, Li et al. 2020): every process holds all weights, and gradients are averaged during
the backward pass. Sharded (FSDP, Zhao et al. 2023; stage 3 of ZeRO, Rajbhandari et al. 2020): every
process holds a slice of each weight, of its gradient and of its moments. The weights of a block are
gathered just before they are needed, and freed afterwards.

Both average gradients over the processes. The loss is a mean over all terms of the batch instead,
so `GradientAccumulator` multiplies by the number of processes and divides by the number of terms.
"""

from collections.abc import Iterator

from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gpt.runs.processes import n_processes

# torch.distributed.tensor takes seconds to import, so it is imported inside functions


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
