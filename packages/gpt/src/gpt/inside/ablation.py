"""Ablation: take heads out of a model, and see what it can no longer do.

The output of an ablated head is replaced by zeros, or by its mean over other text. Zeros may be
numbers that the later layers have never seen; a mean removes what the head says about this text,
and keeps what it says about every text (Wang et al. 2023, "Interpretability in the Wild").
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.inside.activations import Edit, Point, edited, record_activations
from gpt.model.gpt import GPT


class Head(NamedTuple):
    """One attention head of a model, both numbers counted from 0."""

    layer: int
    head: int


@contextmanager
def ablated(
    model: GPT,
    heads: Iterable[Head],
    means: Mapping[Point, Float[Tensor, "H K"]] | None = None,
) -> Iterator[GPT]:
    """Let the model compute without these heads inside the `with` block.

    Their outputs become zero, or those of `mean_head_outputs`.

    Raises:
        BadInput: the model has no such head, or no head is given.
    """
    by_layer: dict[int, list[int]] = defaultdict(list)
    for head in heads:
        check_head(model, head.head)
        by_layer[head.layer].append(head.head)
    if not by_layer:
        raise BadInput("no head to ablate; give at least one, such as Head(layer=0, head=0)")

    def replace(point: Point, numbers: list[int]) -> Edit:
        def edit(outputs: Float[Tensor, "B T H K"]) -> Float[Tensor, "B T H K"]:
            outputs = outputs.clone()
            outputs[:, :, numbers] = 0.0 if means is None else means[point][numbers]
            return outputs

        return edit

    points = {Point("heads", layer): numbers for layer, numbers in by_layer.items()}
    with edited(model, {point: replace(point, numbers) for point, numbers in points.items()}):
        yield model


def check_head(model: GPT, head: int) -> None:
    """Raise BadInput if the layers of the model have no head of this number."""
    if not 0 <= head < model.config.n_heads:
        raise BadInput(f"head {head} is not one of the {model.config.n_heads} per layer")


def mean_head_outputs(model: GPT, tokens: Int[Tensor, "B T"]) -> dict[Point, Float[Tensor, "H K"]]:
    """Return the mean output of every head over all positions of a batch."""
    points = [Point("heads", layer) for layer in range(len(model.blocks))]
    outputs = record_activations(model, tokens, points)
    return {point: reduce(each, "B T H K -> H K", "mean") for point, each in outputs.items()}
