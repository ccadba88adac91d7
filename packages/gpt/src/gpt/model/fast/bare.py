"""A model without torch's machinery around it, for writing.

Calling a layer looks for hooks first, and its weights are found through three dictionaries. Beside
a large product that is nothing; beside the products of a small model it can be seen.
"""

from functools import lru_cache
from typing import Any

from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from gpt.model.gpt import GPT


def with_direct_calls(model: GPT) -> GPT:
    """The same layers around the same weights, called as plain functions, in evaluation mode.

    A model with hooks, or with a `forward` put in place of its class's, is returned as it is, since
    they would not run.
    """
    if _has_any_global_hook() or not all(map(has_plain_forward, model.modules())):
        return model
    return copy_with_direct_calls(model).eval()


def has_plain_forward(module: nn.Module) -> bool:
    """Whether a call does nothing but the `forward` of its class."""
    changed = "forward" in vars(module) or module._compiled_call_impl is not None
    return not (changed or module._forward_hooks or module._forward_pre_hooks)


def copy_with_direct_calls(module: nn.Module) -> Any:
    """A module of the same class whose weights and layers are attributes like any other."""
    children = {
        name: None if child is None else copy_with_direct_calls(child)
        for name, child in module._modules.items()
    }
    twin: Any = object.__new__(direct_call_class(type(module)))
    twin.__dict__ |= vars(module) | module._parameters | module._buffers | children
    twin.__dict__ |= {"_modules": children, "_parameters": dict(module._parameters)}
    return twin


@lru_cache
def direct_call_class(kind: type[nn.Module]) -> type[nn.Module]:
    """The class, with calls that go straight to `forward`."""
    return type(kind.__name__, (kind,), {"__call__": kind.forward})
