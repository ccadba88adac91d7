"""A student before and after its distillation, and its teacher, on the same held-out puzzles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool

from gpt.evaluation.intervals import paired_difference
from gpt.model.gpt import GPT
from reasoning.evaluation.answers import solves_puzzle
from reasoning.evaluation.pass_rates import pass_rates
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.gate import MAX_TRACE, N_SAMPLES
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle


def solved_samples(
    model: GPT, puzzles: Sequence[Puzzle], temperature: float = 1.0, seed: int = 0
) -> Bool[np.ndarray, "M N"]:
    """Return which of eight samples of each puzzle are right."""
    generator = torch.Generator(next(model.parameters()).device).manual_seed(seed)
    prompts = [countdown_prompt(puzzle) for puzzle in puzzles]
    samples = sample_texts(model, prompts, N_SAMPLES, temperature, MAX_TRACE, generator)
    return np.array(
        [
            [solves_puzzle(puzzle, text) for text in texts]
            for puzzle, texts in zip(puzzles, samples, strict=True)
        ]
    )


def compare_models(
    models: Mapping[str, GPT], puzzles: Sequence[Puzzle], baseline: str
) -> dict[str, Any]:
    """Return the pass rates of each model, and its paired difference from the baseline's pass@1."""
    solved = {name: solved_samples(model, puzzles) for name, model in models.items()}
    return {
        name: pass_rates(right)._asdict()
        | {
            "n_parameters": models[name].n_parameters(),
            f"above {baseline}": paired_difference(
                right.mean(axis=1), solved[baseline].mean(axis=1), np.random.default_rng(0)
            )._asdict(),
        }
        for name, right in solved.items()
    }
