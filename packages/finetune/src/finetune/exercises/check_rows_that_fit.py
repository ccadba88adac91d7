"""Check for the largest batch that fits."""

from collections.abc import Callable
from dataclasses import replace

from finetune.lora.inject import LoraConfig
from finetune.memory.estimate import step_memory
from finetune.memory.step import TrainingStep
from gpt.model.config import GPTConfig

SHAPE = GPTConfig(300, context=64, n_layers=3, n_heads=2, d_model=32, d_ff=64)


def check(rows_that_fit: Callable[[GPTConfig, TrainingStep, int], int]) -> None:
    """Compare with budgets of exactly some rows, of a byte less, and of too little."""
    for name, step in {
        "all weights": TrainingStep(1, 32, 20),
        "checkpointed": TrainingStep(1, 32, 20, checkpoint_activations=True),
        "adapters": TrainingStep(1, 48, 5, lora=LoraConfig(4)),
    }.items():
        for rows in (1, 2, 13, 64):
            peak = batch_peak(step, rows)
            largest = rows  # small batches may have equal peaks, at the end of the backward pass
            while batch_peak(step, largest + 1) <= peak:
                largest += 1
            compare(rows_that_fit, f"{name}, the peak of {rows} rows", step, peak, largest)
        exact = batch_peak(step, 64)
        compare(rows_that_fit, f"{name}, a byte less than 64 rows take", step, exact - 1, 63)
        compare(
            rows_that_fit,
            f"{name}, a byte less than one row takes",
            step,
            batch_peak(step, 1) - 1,
            0,
        )


def batch_peak(step: TrainingStep, rows: int) -> int:
    """Estimate the peak of a batch of such rows."""
    return step_memory(SHAPE, replace(step, n_rows=rows, n_scored=rows * step.n_scored)).peak


def compare(
    rows_that_fit: Callable[[GPTConfig, TrainingStep, int], int],
    name: str,
    step: TrainingStep,
    n_bytes: int,
    expected: int,
) -> None:
    """Compare the batch for one budget of bytes."""
    yours = rows_that_fit(SHAPE, step, n_bytes)
    assert yours == expected, f"{name}: {n_bytes:,} bytes hold {expected} rows, not {yours}"
