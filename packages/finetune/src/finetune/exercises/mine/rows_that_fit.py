"""Exercise of the chapter on memory: how large a batch may be."""

from finetune.memory.step import TrainingStep
from gpt.model.config import GPTConfig


def rows_that_fit(config: GPTConfig, step: TrainingStep, n_bytes: int) -> int:
    """Return how many rows like that of `step` fit into a step with a peak of at most `n_bytes`."""
    raise NotImplementedError
