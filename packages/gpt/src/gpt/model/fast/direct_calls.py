"""A model for generation whose layers are called without the overhead of `nn.Module`.

Calling a module looks for hooks first, and reading a weight searches three dictionaries. Next to a
large matrix product this costs nothing; with the small products of one token it is measurable.
"""

from functools import lru_cache
from typing import Any

from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from gpt.model.gpt import GPT


def with_direct_calls(model: GPT) -> GPT:
    """Return a copy in evaluation mode, sharing all weights, whose layers call `forward` directly.

    A model with hooks or with a replaced `forward` is returned unchanged, because the copy would
    skip them.
    """
    if _has_any_global_hook():
        return model
    for module in model.modules():
        if module._forward_hooks or module._forward_pre_hooks:
            return model
        if "forward" in vars(module) or module._compiled_call_impl is not None:
            return model
    return copy_with_direct_calls(model).eval()


def copy_with_direct_calls(module: nn.Module) -> Any:
    """Copy a module so that its weights and layers are ordinary attributes."""
    children = {
        name: None if child is None else copy_with_direct_calls(child)
        for name, child in module._modules.items()
    }
    copy: Any = object.__new__(direct_call_class(type(module)))
    copy.__dict__ |= vars(module) | module._parameters | module._buffers | children
    copy.__dict__ |= {"_modules": children, "_parameters": dict(module._parameters)}
    return copy


@lru_cache
def direct_call_class(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a subclass whose `__call__` is `forward`, without hooks."""
    return type(kind.__name__, (kind,), {"__call__": kind.forward})
