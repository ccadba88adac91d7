"""Combinations held out by pairs of attributes: a test of putting known things together anew.

Training sees red things and squares, but no red square. Held-out descriptions contain exactly one
such pair, so a failure names the pair that was not understood.
"""

from typing import NamedTuple

import torch

from diffusion.data.shape_descriptions import ATTRIBUTES, ShapeDescription, all_descriptions

UNSEEN_PAIRS = {("shape", "colour"): 3, ("size", "place"): 1, ("colour", "count"): 2}
"""Number of value pairs that training never sees, for each pair of attributes."""


class AttributePair(NamedTuple):
    """Two values that never occur together in training."""

    attributes: tuple[str, str]
    """Such as ("shape", "colour")."""
    values: tuple
    """Such as ("square", "red")."""

    def is_in(self, description: ShapeDescription) -> bool:
        """Whether a description has both values."""
        return tuple(getattr(description, name) for name in self.attributes) == self.values


class HeldOutShape(NamedTuple):
    """A description that training does not contain, and the pair that makes it unseen."""

    description: ShapeDescription
    pair: AttributePair


class ShapeSplit(NamedTuple):
    """Descriptions to train on and to test with."""

    train: tuple[ShapeDescription, ...]
    held_out: tuple[HeldOutShape, ...]


def split_shapes(seed: int = 0) -> ShapeSplit:
    """Hold out every description with an unseen pair; those with several pairs are left out.

    The pairs of two attributes share no value, so no value loses more than one partner: each is
    trained on in most of its combinations.
    """
    generator = torch.Generator().manual_seed(seed)
    pairs = []
    for attributes, n_pairs in UNSEEN_PAIRS.items():
        shuffled = [
            [
                ATTRIBUTES[name][row]
                for row in torch.randperm(len(ATTRIBUTES[name]), generator=generator)
            ]
            for name in attributes
        ]
        pairs += [
            AttributePair(attributes, values)
            for values in list(zip(*shuffled, strict=False))[:n_pairs]
        ]
    unseen = {each: [pair for pair in pairs if pair.is_in(each)] for each in all_descriptions()}
    train = tuple(each for each, found in unseen.items() if not found)
    alone = ((each, found) for each, found in unseen.items() if len(found) == 1)
    return ShapeSplit(train, tuple(HeldOutShape(each, pair) for each, [pair] in alone))
