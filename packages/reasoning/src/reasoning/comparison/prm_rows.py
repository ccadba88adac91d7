"""Rows of the process reward model: our loss, gradients and training steps against those of trl."""

import torch

from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
)
from reasoning.comparison.prm_recorded import (
    RecordedStep,
    initial_verifier,
    load_prm_recording,
    recorded_prm_steps,
)
from reasoning.verifier.data import verifier_loss
from reasoning.verifier.model import Verifier

PRM_TOLERANCE = 1e-9  # twelve digits were recorded
PRM_WEIGHTS_TOLERANCE = 1e-6


def prm_rows() -> list[ComparisonRow]:
    """Compare the losses and gradients of four steps on trl's weights, then four of our steps."""
    version, steps = (
        f"trl {load_prm_recording()['versions']['trl']}, recorded",
        recorded_prm_steps(),
    )
    losses, gradients = zip(*(step_differences(i) for i in range(len(steps))), strict=True)
    what = f"process reward model, {len(steps)} steps:"
    return [
        ComparisonRow(f"{what} losses", version, max(losses), PRM_TOLERANCE),
        ComparisonRow(f"{what} gradients", version, max(gradients), PRM_TOLERANCE),
        ComparisonRow(
            f"{what} weights", version, weight_difference_after(steps), PRM_WEIGHTS_TOLERANCE
        ),
    ]


def step_differences(number: int) -> tuple[float, float]:
    """Return the differences of loss and gradient, computed with trl's weights before the step."""
    steps, model = recorded_prm_steps(), initial_verifier()
    if number > 0:
        model.load_state_dict(steps[number - 1].weights)
    loss = backward_mean_loss(model, steps[number])
    gradients = {
        name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None
    }
    return (
        max_abs_difference(loss, steps[number].loss),
        max_abs_difference_by_name(gradients, steps[number].gradients),
    )


def weight_difference_after(steps: list[RecordedStep]) -> float:
    """Train our model on the same batches and return the largest difference of a weight.

    trl's AdamW moves both rows of its head, in opposite directions: their difference, which is our
    row, moves at twice the rate.
    """
    model, settings = initial_verifier(), load_prm_recording()["settings"]
    head = list(model.score.parameters())
    others = [each for each in model.parameters() if all(each is not one for one in head)]
    rate = settings["learning_rate"]
    optimizer = torch.optim.AdamW(
        [{"params": others, "lr": rate}, {"params": head, "lr": 2 * rate}],
        betas=(settings["adam_beta1"], settings["adam_beta2"]),
        eps=settings["adam_epsilon"],
        weight_decay=settings["weight_decay"],
    )
    for step in steps:
        optimizer.zero_grad()
        backward_mean_loss(model, step)
        optimizer.step()
    return max_abs_difference_by_name(dict(model.state_dict()), steps[-1].weights)


def backward_mean_loss(model: Verifier, step: RecordedStep) -> torch.Tensor:
    """Return the mean loss over the labels, and leave its gradient in the model."""
    found = verifier_loss(model, step.rows)
    mean = found.total / found.terms
    mean.backward()
    return mean.detach()
