"""Rows of the DiT: outputs, gradients and training steps, against `DiTTransformer2DModel`."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffusion.comparison.compared_models import (
    COMPARED_SHAPES,
    ComparedBatch,
    mean_squared_error,
    random_batch,
    random_dit,
)
from diffusion.model.dit import DiT
from diffusion.model.fast import use_fast_operations
from diffusion.pretrained.dit_weights import copied_embedders, dit_weights_from_diffusers
from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.comparison.speed import stepper
from gpt.training.optimizer import make_adamw

DIT_TOLERANCE = 1e-5
STEP_FLOOR = 1.1
RATE = 1e-4


def equality_rows() -> list[ComparisonRow]:
    """Compare outputs and gradients, with labels and without a condition."""
    rows = [equality_row(name, has_labels=True) for name in COMPARED_SHAPES]
    return [*rows, equality_row("digits", has_labels=False)]


def equality_row(name: str, has_labels: bool) -> ComparisonRow:
    """Compare the output for a batch, and the gradient of every weight."""
    from diffusion import baselines

    shape = COMPARED_SHAPES[name]
    ours, batch = random_dit(shape.config, has_labels), random_batch(shape, has_labels)
    library, labels = baselines.to_library_dit(ours), library_labels(batch)
    our_output = ours(batch.x, batch.t, batch.ids)
    their_output = baselines.library_output(library, batch.x, batch.t, labels)
    for output in (our_output, their_output):
        mean_squared_error(output, batch.target).backward()
    differences = (
        max_abs_difference(our_output, their_output),
        max_abs_difference_by_name(gradients(ours), library_gradients(library, ours)),
    )
    what = "with labels" if has_labels else "without a condition"
    return ComparisonRow(
        f"DiT {what}, output and gradients, {shape}",
        baselines.library_version("diffusers"),
        max(differences),
        DIT_TOLERANCE,
        note="output {:.1e}, gradients {:.1e}".format(*differences),
    )


def library_labels(batch: ComparedBatch) -> Tensor:
    """Return the label of each row; without a condition it is the only one, 0."""
    return batch.ids[:, 0] if batch.ids.shape[1] else torch.zeros(len(batch.ids)).long()


def gradients(model: Any) -> dict[str, Tensor]:
    """Return the gradients of the last backward pass by name."""
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def library_gradients(library: Any, ours: DiT) -> dict[str, Tensor]:
    """Return the gradients of the library's model by our names.

    The gradient of a weight that every block has a copy of is the sum over the copies.
    """
    found = gradients(library)
    copies: dict[str, list[str]] = defaultdict(list)
    for number in range(ours.config.n_layers):
        for name in copied_embedders().values():
            copies[name].append(f"transformer_blocks.{number}.{name}")
    for names in copies.values():
        total = torch.stack([found[name] for name in names]).sum(dim=0)
        found |= dict.fromkeys(names, total)
    by_our_names = dit_weights_from_diffusers(found, ours.config)
    return {name: by_our_names[name] for name, _ in ours.named_parameters()}


def step_rows() -> list[ComparisonRow]:
    """Time a training step of each shape: forward, backward, and AdamW."""
    return [step_row(name) for name in COMPARED_SHAPES]


def step_row(name: str) -> ComparisonRow:
    """Compare a training step; the loss before it is equal on both sides."""
    from diffusion import baselines

    shape = COMPARED_SHAPES[name]
    ours, batch = random_dit(shape.config), random_batch(shape)
    library = baselines.to_library_dit(ours)
    mine, theirs = our_step(ours, batch), library_step(library, batch)
    difference = abs(mine() - theirs())
    seconds = time_interleaved(mine, theirs, repeats=15)
    return ComparisonRow(
        f"training step of a DiT, {shape}",
        baselines.library_version("diffusers"),
        difference,
        DIT_TOLERANCE,
        *seconds,
        STEP_FLOOR,
    )


def our_step(model: DiT, batch: ComparedBatch) -> Callable[[], float]:
    """Return a training step of ours, as `diffusion train` takes it."""
    use_fast_operations(model.train())
    optimizer = make_adamw(list(model.parameters()), RATE, (0.9, 0.999), 0.01)
    for group in optimizer.param_groups:
        group["lr"] = RATE
    x, t, ids, target = batch
    return stepper(optimizer, lambda: mean_squared_error(model(x, t, ids), target))


def library_step(model: Any, batch: ComparedBatch) -> Callable[[], float]:
    """Return a training step of the library's model with torch's AdamW, used in the usual way.

    The model is in evaluation mode: in training mode it drops labels, in every block others.
    """
    from diffusion.baselines import library_output

    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    x, t, _, target = batch
    labels = library_labels(batch)
    return stepper(
        optimizer, lambda: mean_squared_error(library_output(model, x, t, labels), target)
    )
