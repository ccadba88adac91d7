"""Exercise of the chapter on hyper-parameters: more steps for those that deserve them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Setting = TypeVar("Setting")


def successive_halving(
    run: Callable[[Setting, int], float], settings: Sequence[Setting], steps: int
) -> Setting:
    """The setting that is left; `run(setting, steps)` is a held-out loss."""
    raise NotImplementedError
