"""The largest batch that fits, from the estimated peak of each size."""

from dataclasses import replace

from finetune.memory.estimate import step_memory
from finetune.memory.step import TrainingStep
from gpt.model.config import GPTConfig


def rows_that_fit(config: GPTConfig, step: TrainingStep, n_bytes: int) -> int:
    """Double until it does not fit, then bisect; the peak never falls as rows are added."""

    def fits(rows: int) -> bool:
        batch = replace(step, n_rows=rows, n_scored=rows * step.n_scored)
        return step_memory(config, batch).peak <= n_bytes

    if not fits(1):
        return 0
    most, too_many = 1, 2
    while fits(too_many):
        most, too_many = too_many, 2 * too_many
    while too_many - most > 1:
        middle = (most + too_many) // 2
        most, too_many = (middle, too_many) if fits(middle) else (most, middle)
    return most
