"""The initial weights: their sizes, and seeded draws from a normal distribution."""

import random
from dataclasses import dataclass
from math import prod
from typing import Any

from handcalc.model.transformer import NORMS


@dataclass(frozen=True)
class Shape:
    """The sizes of a model."""

    vocab_size: int = 6
    """Number of different tokens."""
    n_positions: int = 5
    """Length of the longest text, in tokens."""
    d_model: int = 16
    """Width of the row of a token."""
    n_heads: int = 2
    """Attention heads; each has a width of d_model / n_heads."""
    d_ff: int = 64
    """Width inside the feed-forward layer."""

    def __post_init__(self) -> None:
        """Refuse sizes below 1, and a width that the heads cannot share equally."""
        for name, size in vars(self).items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model {self.d_model} does not divide into {self.n_heads} heads")


def weight_sizes(shape: Shape, block: str) -> dict[str, tuple[int, ...]]:
    """Return the size of each weight: (length,) of a vector, (rows, columns) of a matrix."""
    d, d_head = shape.d_model, shape.d_model // shape.n_heads
    sizes: dict[str, tuple[int, ...]] = {}
    sizes |= {"token": (shape.vocab_size, d), "position": (shape.n_positions, d)}
    sizes |= {f"W_{letter}.{h}": (d, d_head) for letter in "QKV" for h in range(shape.n_heads)}
    sizes |= {"W_O": (d, d), "W_1": (shape.d_ff, d), "b_1": (shape.d_ff,)}
    sizes |= {"W_2": (d, shape.d_ff), "b_2": (d,), "head": (shape.vocab_size, d)}
    for suffix in NORMS[block]:
        sizes |= {f"gamma{suffix}": (d,), f"beta{suffix}": (d,)}
    return sizes


def initial_weights(shape: Shape, block: str, seed: int = 42) -> dict[str, Any]:
    """Draw every weight from N(0, 0.1^2), in the order of `weight_sizes`; gains are 1, offsets 0.

    Gains and offsets use no draws, so all blocks start with the same numbers.
    """
    draws = random.Random(seed)
    weights: dict[str, Any] = {}
    for name, size in weight_sizes(shape, block).items():
        if name.startswith("gamma"):
            weights[name] = [1.0] * shape.d_model
        elif name.startswith("beta"):
            weights[name] = [0.0] * shape.d_model
        else:
            *n_rows, width = size
            rows = [[draws.gauss(0, 0.1) for _ in range(width)] for _ in range(prod(n_rows))]
            weights[name] = rows if n_rows else rows[0]
    return weights
