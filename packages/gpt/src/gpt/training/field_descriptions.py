"""The hyperparameters of a config class, read from its source: name, default and effect.

A reference that is made from the fields cannot go stale. `--help` shows the same text.
"""

import ast
import dataclasses
import inspect
from itertools import pairwise
from typing import Any, NamedTuple

from gpt.errors import BadInput


class FieldDescription(NamedTuple):
    """A hyperparameter, its default and its effect."""

    name: str
    """Name of the field."""
    default: Any
    """Default value."""
    effect: str
    """The docstring below the field, in one line."""


def describe_fields(config_class: type) -> list[FieldDescription]:
    """Return the documented fields that a config class defines itself, in their order.

    Raises:
        BadInput: the class is not a dataclass.
    """
    if not dataclasses.is_dataclass(config_class):
        raise BadInput(f"{config_class.__name__} is not a dataclass, so it has no fields")
    (definition,) = ast.parse(inspect.getsource(config_class)).body
    assert isinstance(definition, ast.ClassDef)
    texts = {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    return [FieldDescription(name, defaults[name], texts[name]) for name in texts]
