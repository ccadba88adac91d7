"""Memory in use, measured: the bytes of all tensors that were made and are not freed yet."""

import weakref
from typing import Any

from torch import Tensor
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
