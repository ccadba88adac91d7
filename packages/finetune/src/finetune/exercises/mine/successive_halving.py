"""Exercise of the chapter on hyper-parameters: more steps for promising settings."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Setting = TypeVar("Setting")


def successive_halving(
    run: Callable[[Setting, int], float], settings: Sequence[Setting], steps: int
) -> Setting:
    """Return the last setting left; `run(setting, steps)` returns a held-out loss."""
    raise NotImplementedError
