r"""Activation patching: move numbers from one run of the model into another, and see what changes.

Two prompts differ in a few tokens and have different answers. The run on the clean prompt gives the
right answer; the corrupted prompt makes another one likelier. The measure m is the difference of
the last position's logits for both answers. A patch copies some numbers of one run into the other,
and the model continues from there (Meng et al. 2022, "Locating and Editing Factual Associations
in GPT", section 2; Wang et al. 2023, "Interpretability in the Wild", section 3). The two directions
answer different questions (Heimersheim and Nanda 2024, "How to use and interpret activation
patching"):

denoising   clean numbers into the corrupted run: are they enough to bring the answer back?
noising     corrupted numbers into the clean run: can the model do without the clean ones?

An effect of 0 means that the patch changes nothing. At 1 the patched run answers like the run that
the numbers came from, as it does if the whole residual stream of a layer is copied. The effects of
single patches need not sum to 1.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.inside.ablation import check_head
from gpt.inside.activations import (
    Edit,
    Point,
    PointKind,
    edited,
    hidden_from_block,
    record_activations,
)
from gpt.inside.prompt_pairs import PromptPair, logit_difference
from gpt.model.gpt import GPT


class Patch(NamedTuple):
    """The numbers to copy: those of a point, or of some of its positions and heads."""

    point: Point
    positions: tuple[int, ...] | None = None
    """Default: all."""
    heads: tuple[int, ...] | None = None
    """Only at a point of kind "heads". Default: all."""


def denoising_effects(
    model: GPT, pair: PromptPair, patches: Sequence[Patch]
) -> Float[Tensor, " N"]:
    """Return how much of the answer each patch restores in the corrupted run.

    effect = (m(patched) - m(corrupted)) / (m(clean) - m(corrupted))
    """
    clean, corrupted = record_runs(model, pair)
    patched = patched_differences(model, pair, corrupted, clean, patches)
    return (patched - corrupted.difference) / (clean.difference - corrupted.difference)


def noising_effects(model: GPT, pair: PromptPair, patches: Sequence[Patch]) -> Float[Tensor, " N"]:
    """Return how much of the answer each patch destroys in the clean run.

    effect = (m(clean) - m(patched)) / (m(clean) - m(corrupted))
    """
    clean, corrupted = record_runs(model, pair)
    patched = patched_differences(model, pair, clean, corrupted, patches)
    return (clean.difference - patched) / (clean.difference - corrupted.difference)


Effects = Callable[[GPT, PromptPair, Sequence[Patch]], Float[Tensor, " N"]]
"""`denoising_effects` or `noising_effects`."""


def effects_by_position(
    model: GPT, pair: PromptPair, kind: PointKind = "residual", effects: Effects = denoising_effects
) -> Float[Tensor, "N T"]:
    """Return the effect of each layer at each position; the residual stream has L + 1 layers."""
    n_layers = len(model.blocks) + (kind == "residual")
    n_positions = len(pair.clean)
    patches = [
        Patch(Point(kind, layer), (position,))
        for layer in range(n_layers)
        for position in range(n_positions)
    ]
    return effects(model, pair, patches).view(n_layers, n_positions)


def effects_by_head(
    model: GPT, pair: PromptPair, effects: Effects = denoising_effects
) -> Float[Tensor, "L H"]:
    """Return the effect of each head, at all positions."""
    n_layers, n_heads = len(model.blocks), model.config.n_heads
    patches = [
        Patch(Point("heads", layer), heads=(head,))
        for layer in range(n_layers)
        for head in range(n_heads)
    ]
    return effects(model, pair, patches).view(n_layers, n_heads)


class Run(NamedTuple):
    """A prompt, the numbers at all points while the model reads it, and the measure."""

    tokens: Int[Tensor, " T"]
    activations: Mapping[Point, Float[Tensor, "T *rest"]]
    difference: Float[Tensor, ""]


def record_runs(model: GPT, pair: PromptPair) -> tuple[Run, Run]:
    """Run the model on the clean and on the corrupted prompt.

    Raises:
        BadInput: the model does not tell the prompts apart, so no effect can be measured.
    """
    activations = record_activations(model, torch.stack([pair.clean, pair.corrupted]))
    last = activations[Point("residual", len(model.blocks))][:, -1]
    with torch.no_grad():
        differences = logit_difference(model.logits(model.final_norm(last)), pair)
    if differences[0] == differences[1]:
        raise BadInput(
            "the model answers both prompts alike (logit difference "
            f"{float(differences[0]):.2f}), so there is no effect to trace"
        )
    clean, corrupted = (
        Run(tokens, {point: each[row] for point, each in activations.items()}, differences[row])
        for row, tokens in enumerate((pair.clean, pair.corrupted))
    )
    return clean, corrupted


@torch.no_grad()
def patched_differences(
    model: GPT, pair: PromptPair, target: Run, source: Run, patches: Sequence[Patch]
) -> Float[Tensor, " N"]:
    """Return the measure of the target run for each patch from the source run.

    The patches of a point are the rows of one batch, which skips the blocks before that point.

    Raises:
        BadInput: the model has no such point, position or head.
    """
    rows_by_point: dict[Point, list[int]] = defaultdict(list)
    for row, patch in enumerate(patches):
        check_patch(model, patch, len(target.tokens))
        rows_by_point[patch.point].append(row)
    found = target.difference.new_empty(len(patches))
    for point, rows in rows_by_point.items():
        edit = copy_rows(source.activations[point], [patches[row] for row in rows])
        x = target.activations[Point("residual", point.layer)].expand(len(rows), -1, -1)
        with edited(model, {point: edit}):
            last = hidden_from_block(model, x, point.layer)[:, -1]
        found[rows] = logit_difference(model.logits(last), pair)
    return found


def check_patch(model: GPT, patch: Patch, n_positions: int) -> None:
    """Raise BadInput if the model or the prompt lacks what the patch names."""
    point, positions, heads = patch
    for position in positions or ():
        if not 0 <= position < n_positions:
            raise BadInput(f"position {position} is outside the prompt of {n_positions} tokens")
    if heads is not None and point.kind != "heads":
        raise BadInput(f"a point of kind {point.kind!r} has no heads; use Point('heads', ...)")
    for head in heads or ():
        check_head(model, head)
    with edited(model, {point: lambda numbers: numbers}):
        pass  # refuses an unknown point


def copy_rows(source: Float[Tensor, "T *rest"], patches: Sequence[Patch]) -> Edit:
    """Return the edit that copies the numbers of patch i from the source into row i."""

    def edit(numbers: Float[Tensor, "B T *rest"]) -> Float[Tensor, "B T *rest"]:
        numbers = numbers.clone()
        for row, (_, positions, heads) in zip(numbers, patches, strict=True):
            at = torch.arange(len(row)) if positions is None else torch.tensor(positions)
            if heads is None:
                row[at] = source[at]
            else:
                row[at[:, None], list(heads)] = source[at[:, None], list(heads)]
        return numbers

    return edit
