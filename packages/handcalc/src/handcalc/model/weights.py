"""The weights before the first step: seeded draws from a normal distribution."""

import random
from dataclasses import dataclass
from typing import Any

from handcalc.model.blocks import BLOCKS
from handcalc.operations.matrices import is_list


@dataclass(frozen=True)
class Shape:
    """How large the tensors are."""

    vocab_size: int = 6
    """Tokens that there are."""
    n_positions: int = 5
    """The longest text."""
    d_model: int = 16
    """Width of a row."""
    n_heads: int = 2
    """Heads of attention, which share the width."""
    d_ff: int = 64
    """Width inside the feed-forward layer."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        for name, size in vars(self).items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model {self.d_model} does not divide into {self.n_heads} heads")


def sizes(shape: Shape, block: str) -> dict[str, tuple[int, ...]]:
    """The weights of a block by name: numbers of a vector, rows and columns of a matrix."""
    d, d_head = shape.d_model, shape.d_model // shape.n_heads
    found: dict[str, tuple[int, ...]] = {}
    found |= {"token": (shape.vocab_size, d), "position": (shape.n_positions, d)}
    found |= {f"W_{letter}.{h}": (d, d_head) for letter in "QKV" for h in range(shape.n_heads)}
    found |= {"W_O": (d, d), "W_1": (shape.d_ff, d), "b_1": (shape.d_ff,)}
    found |= {"W_2": (d, shape.d_ff), "b_2": (d,), "head": (shape.vocab_size, d)}
    for norm in BLOCKS[block].norms:
        found |= {f"gamma{norm}": (d,), f"beta{norm}": (d,)}
    return found


def drawn(shape: Shape, block: str, seed: int = 42) -> dict[str, Any]:
    """Every entry from N(0, 0.1^2), row by row, in the order of `sizes`; gains 1, offsets 0.

    Norms draw nothing, so all blocks begin with the same numbers. `gauss` makes its values in
    pairs, so that no other draw may come between.
    """
    draws = random.Random(seed)
    weights: dict[str, Any] = {}
    for name, size in sizes(shape, block).items():
        if name.startswith("gamma"):
            weights[name] = [1.0] * shape.d_model
        elif name.startswith("beta"):
            weights[name] = [0.0] * shape.d_model
        else:
            weights[name] = tensor(draws, *size)
    return weights


def tensor(draws: random.Random, n: int, *rest: int) -> Any:
    """A vector of n draws, or a matrix of n rows."""
    return [tensor(draws, *rest) if rest else draws.gauss(0, 0.1) for _ in range(n)]


def numbers(tensor: Any) -> list[Any]:
    """The numbers of a tensor, of whatever kind, row after row."""
    if not is_list(tensor):
        return [tensor]
    return [number for part in tensor for number in numbers(part)]
