"""Memory, measured: all tensors in use, and those that are kept for a backward pass."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Within this mode, counts the memory of every tensor from its creation until it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.current = self.peak = 0
        self.counted: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        before = {*map(id, tensor_storages((args, kwargs)))}
        result = func(*args, **(kwargs or {}))
        for storage in tensor_storages(result):
            if id(storage) not in before and storage not in self.counted:
                self.counted.add(storage)
                self.current += storage.nbytes()
                weakref.finalize(storage, self.release, storage.nbytes())
        self.peak = max(self.peak, self.current)
        return result

    def release(self, n_bytes: int) -> None:
        """Subtract a storage that was freed."""
        self.current -= n_bytes


def tensor_storages(tree: Any) -> list[Any]:
    """Return the storages of all tensors in nested tuples, lists and dicts."""
    return [each.untyped_storage() for each in tree_leaves(tree) if isinstance(each, Tensor)]


def saved_activation_bytes(run: Callable[[], Tensor], *excluded: Tensor) -> int:
    """Count the bytes that the graph of a result saves for its backward pass.

    A tensor saved twice, by two operations, or as two views counts once. `excluded` tensors are not
    counted: parameters, the batch and tables, which are in memory anyway.
    """
    outside = {each.untyped_storage().data_ptr() for each in excluded}
    saved: weakref.WeakSet[Any] = weakref.WeakSet()  # storages of a dropped graph leave the set

    def add(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in outside:
            saved.add(storage)
        return tensor.detach()  # else an operation that saves its result would keep itself alive

    with saved_tensors_hooks(add, lambda tensor: tensor):
        result = run()
    n_bytes = sum(storage.nbytes() for storage in saved)
    del result
    return n_bytes
