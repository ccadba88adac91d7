"""A model without torch's machinery around it, for writing.

Calling a layer looks for hooks first, and its weights are found through three dictionaries. Beside
a large product that is nothing; of the time in which a small model writes a token it is a third.
"""

from functools import lru_cache
from typing import Any, TypeVar

from torch import nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def bare(model: AnyModule) -> AnyModule:
    """The same layers around the same weights, called as plain functions, in evaluation mode.

    A model with hooks stays as it is, since they would not run.
    """
    if any(each._forward_hooks or each._forward_pre_hooks for each in model.modules()):
        return model
    return mirror(model).eval()


def mirror(module: AnyModule) -> AnyModule:
    """A module of the same class whose weights and layers are attributes like any other."""
    children = {
        name: None if child is None else mirror(child) for name, child in module._modules.items()
    }
    twin: Any = object.__new__(bare_class(type(module)))
    twin.__dict__ |= vars(module) | module._parameters | module._buffers | children
    twin.__dict__["_modules"] = children
    return twin


@lru_cache
def bare_class(kind: type[nn.Module]) -> type[nn.Module]:
    """The class, with calls that go straight to `forward`."""
    return type(kind.__name__, (kind,), {"__call__": kind.forward})
