"""Measures of generated shapes, in combinations of attributes that training never shows.

Every attribute is read back from the image by rules (`data.shape_reading`), so no network grades
another. Held-out combinations contain one pair of values that training never shows together.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.data.shape_descriptions import ATTRIBUTES, ShapeDescription, all_descriptions
from diffusion.data.shape_reading import read_shapes
from diffusion.data.shape_split import split_shapes
from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, wilson_interval

DrawCaptions = Callable[[list[str]], Float[Tensor, "N C height width"]]
"""Function that draws an image for each caption."""
ALL_AT_ONCE = "all at once"


@dataclass(frozen=True)
class ShapeScores:
    """Shares of images that show what their caption says."""

    seen: dict[str, Interval]
    """By attribute, and all at once, for combinations of training."""
    held_out: dict[str, Interval]
    """The same for combinations that training never shows."""
    held_out_pairs: dict[str, Interval]
    """All at once, by the pair of values that makes the combination unseen."""
    chance: dict[str, float]
    """Shares that a random image would reach."""


def score_shapes(draw: DrawCaptions, n: int) -> ShapeScores:
    """Draw n seen and n held-out combinations, spread evenly, and read them back.

    Raises:
        BadInput: n is below 1.
    """
    if n < 1:
        raise BadInput(f"n must be at least 1, got {n}")
    split, generator = split_shapes(), torch.Generator().manual_seed(0)
    seen = [split.train[row] for row in spread_rows(len(split.train), n, generator)]
    held_out = [split.held_out[row] for row in spread_rows(len(split.held_out), n, generator)]
    right = read_back(draw, [each.description for each in held_out])
    right_pairs, pairs = Counter(), Counter()
    for each, attributes in zip(held_out, right, strict=True):
        pair = " ".join(map(str, each.pair.values))
        pairs[pair] += 1
        right_pairs[pair] += all(attributes.values())
    values = [len(values) for values in ATTRIBUTES.values()]
    chance = {name: 1 / n_values for name, n_values in zip(ATTRIBUTES, values, strict=True)}
    return ShapeScores(
        attribute_rates(read_back(draw, seen)),
        attribute_rates(right),
        {pair: wilson_interval(right_pairs[pair] / k, k) for pair, k in sorted(pairs.items())},
        chance | {ALL_AT_ONCE: 1 / len(all_descriptions())},
    )


def spread_rows(n_rows: int, n: int, generator: torch.Generator) -> list[int]:
    """Return n random row numbers; each row occurs once before any occurs again."""
    rounds = [torch.randperm(n_rows, generator=generator) for _ in range(-(-n // n_rows))]
    return torch.cat(rounds)[:n].tolist()


def read_back(
    draw: DrawCaptions, descriptions: Sequence[ShapeDescription]
) -> list[dict[str, bool]]:
    """Draw descriptions, and return for each image which attributes are read back right."""
    images = draw([each.caption() for each in descriptions])
    pairs = zip(read_shapes(images), descriptions, strict=True)
    return [found.agrees(description) for found, description in pairs]


def attribute_rates(right: list[dict[str, bool]]) -> dict[str, Interval]:
    """Return the share of images that are right, by attribute and in all attributes."""
    counts = {name: sum(each[name] for each in right) for name in ATTRIBUTES}
    counts[ALL_AT_ONCE] = sum(all(each.values()) for each in right)
    return {name: wilson_interval(k / len(right), len(right)) for name, k in counts.items()}
