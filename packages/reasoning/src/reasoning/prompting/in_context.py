"""Whether a solved puzzle in the prompt helps the start model, which never saw one there.

Large models learn from examples in their prompt (Brown et al. 2020). The start model was trained on
one puzzle at a time, so nothing has taught it to read two. The example is a whole training trace,
with its end, in front of the prompt.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool

from gpt.model.gpt import GPT
from reasoning.evaluation.answers import solves_puzzle
from reasoning.evaluation.sampling import sample_continuations
from reasoning.start.gate import MAX_TRACE
from reasoning.start.traces import countdown_prompt, countdown_trace
from reasoning.tasks.countdown import Puzzle, multiset
from reasoning.tasks.vocabulary import TOKENIZER


class ExamplePrompts(NamedTuple):
    """The same puzzle asked in three ways, as tokens."""

    without: list[int]
    with_other: list[int]
    """After the trace of another puzzle."""
    with_same: list[int]
    """After a solution of this very puzzle, which only has to be copied."""


def example_prompts(
    puzzle: Puzzle, examples: tuple[Puzzle, ...], random: np.random.Generator
) -> ExamplePrompts:
    """Return the prompts of a puzzle; the example has other numbers and is solved at once."""
    prompt = TOKENIZER.encode(countdown_prompt(puzzle))
    other = puzzle
    while multiset(other) == multiset(puzzle):
        other = examples[random.integers(len(examples))]
    traces = (countdown_trace(each, 1, random).tokens for each in (other, puzzle))
    return ExamplePrompts(prompt, *([*trace, *prompt] for trace in traces))


def solved_prompts(
    model: GPT,
    puzzles: list[Puzzle],
    prompts: list[list[int]],
    n_samples: int,
    generator: torch.Generator,
) -> Bool[np.ndarray, "M N"]:
    """Return which of `n_samples` answers to each prompt solve its puzzle, at temperature 1."""
    samples = sample_continuations(model, prompts, n_samples, 1.0, MAX_TRACE, generator)
    pairs = zip(puzzles, samples, strict=True)
    return np.array([[solves_puzzle(puzzle, text) for text in texts] for puzzle, texts in pairs])
