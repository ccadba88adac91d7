"""Named points inside a model, where a reader can record the numbers that pass, or change them.

Each point is a place in the forward pass of `GPT`. Recording and editing use PyTorch's hooks, so
the model's own code neither knows of them nor pays for them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, get_args

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from gpt.errors import BadInput
from gpt.model.gpt import GPT

PointKind = Literal["residual", "attention", "heads", "mlp"]


class Point(NamedTuple):
    """A place in the forward pass.

    residual   the residual stream that block `layer` reads; after the last block, `layer` is L
    heads      the output of each head of block `layer`, before the output projection: B T H K
    attention  what attention adds to the residual stream in block `layer`
    mlp        what the feed-forward layer adds to it
    """

    kind: PointKind
    layer: int


Edit = Callable[[Tensor], Tensor]
"""A function from the numbers at a point to those that the model continues with."""


def all_points(model: GPT) -> list[Point]:
    """List the points of a model in the order of its forward pass."""
    order: tuple[PointKind, ...] = ("residual", "heads", "attention", "mlp")
    n_layers = len(model.blocks)
    points = [Point(kind, layer) for layer in range(n_layers) for kind in order]
    return [*points, Point("residual", n_layers)]


@contextmanager
def edited(model: GPT, edits: Mapping[Point, Edit]) -> Iterator[GPT]:
    """Let the model compute with these edits inside the `with` block.

    Raises:
        BadInput: the model has no such point.
    """
    handles: list[RemovableHandle] = []
    try:
        for point, edit in edits.items():
            handles.append(add_hook(model, point, edit))
        yield model
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def record_activations(
    model: GPT, tokens: Int[Tensor, "B T"], points: Iterable[Point] | None = None
) -> dict[Point, Float[Tensor, "B T *rest"]]:
    """Run the model, and return the numbers at these points; by default, at all of them."""
    recorded: dict[Point, Tensor] = {}

    def record(point: Point) -> Edit:
        # setdefault returns its second argument here: each point is passed once
        return lambda activation: recorded.setdefault(point, activation)

    chosen = all_points(model) if points is None else points
    with edited(model, {point: record(point) for point in chosen}):
        model.hidden(tokens)
    return recorded


def residual_streams(model: GPT, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "N B T D"]:
    """Return the residual stream before every block and after the last: N = L + 1."""
    points = [Point("residual", layer) for layer in range(len(model.blocks) + 1)]
    activations = record_activations(model, tokens, points)
    return torch.stack([activations[point] for point in points])


def hidden_from_block(model: GPT, x: Float[Tensor, "B T D"], layer: int) -> Float[Tensor, "B T D"]:
    """Return the final hidden states, from the residual stream that block `layer` reads."""
    n_tokens = x.shape[1]
    rotate = None if model.rotation is None else model.rotation(slice(0, n_tokens), x)
    bias = model.distance_bias
    mask = None if bias is None else bias(None, n_tokens, n_tokens, x)
    for block in model.blocks[layer:]:
        x = block(x, rotate, mask)
    return model.final_norm(x)


def add_hook(model: GPT, point: Point, edit: Edit) -> RemovableHandle:
    """Attach an edit to the layer that reads the point, or that computes it."""
    n_layers = len(model.blocks)
    last = n_layers if point.kind == "residual" else n_layers - 1
    if point.kind not in get_args(PointKind) or not 0 <= point.layer <= last:
        raise BadInput(
            f"the model has no point {point.kind!r} in layer {point.layer}; kinds are "
            f"{', '.join(get_args(PointKind))}, and layers of {point.kind!r} end at {last}"
        )
    if point.kind == "residual":
        reader = model.final_norm if point.layer == n_layers else model.blocks[point.layer]
        return edit_input(reader, edit)
    block: Any = model.blocks[point.layer]
    if point.kind == "heads":
        n_heads = model.config.n_heads
        return edit_input(
            block.attention.output,
            lambda x: rearrange(
                edit(rearrange(x, "B T (H K) -> B T H K", H=n_heads)), "B T H K -> B T (H K)"
            ),
        )
    layer = block.attention if point.kind == "attention" else block.mlp
    return layer.register_forward_hook(lambda module, inputs, output: edit(output))


def edit_input(layer: nn.Module, edit: Edit) -> RemovableHandle:
    """Apply the edit to the first argument of a layer."""
    return layer.register_forward_pre_hook(lambda module, inputs: (edit(inputs[0]), *inputs[1:]))
