"""Traces of a teacher on training puzzles, and the filter that keeps those with a right answer.

Training a student on everything that a teacher generates imitates it, mistakes included (Kim and
Rush 2016, sequence-level distillation). Training only on right traces, which an exact check
selects, imitates the teacher at its best: one step of rejection sampling, as in STaR (Zelikman et
al. 2022). All words of a trace are learned, including those of missed attempts: a teacher's misses
are its own choices, while those in the training traces of the start model are random.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.model.gpt import GPT
from gpt.policy.rows import Example, prompt_answer_example
from reasoning.evaluation.answers import solves_puzzle
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.data import Tasks, sample_puzzle
from reasoning.start.gate import MAX_TRACE
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.vocabulary import TOKENIZER


class TeacherTrace(NamedTuple):
    """A prompt, what a teacher generated after it, and whether its answer is right."""

    prompt: str
    text: str
    is_right: bool

    def example(self) -> Example:
        """Return the trace as tokens with an end; everything after the prompt is learned."""
        answer = TOKENIZER.encode(self.text)
        if len(answer) < MAX_TRACE:  # a trace that was cut off has no end to learn
            answer.append(TOKENIZER.end_of_text)
        return prompt_answer_example(TOKENIZER.encode(self.prompt), answer)


def sample_teacher_traces(
    teacher: GPT, tasks: Tasks, n: int, temperature: float, seed: int
) -> list[TeacherTrace]:
    """Sample one trace on each of `n` training puzzles, and check its answer."""
    random = np.random.default_rng(seed)
    puzzles = [sample_puzzle(tasks.four.train, random) for _ in range(n)]
    prompts = [countdown_prompt(puzzle) for puzzle in puzzles]
    generator = torch.Generator(next(teacher.parameters()).device).manual_seed(seed)
    samples = sample_texts(teacher, prompts, 1, temperature, MAX_TRACE, generator)
    return [
        TeacherTrace(prompt, text, solves_puzzle(puzzle, text))
        for puzzle, prompt, [text] in zip(puzzles, prompts, samples, strict=True)
    ]


def keep_right(traces: Sequence[TeacherTrace]) -> list[TeacherTrace]:
    """Return the traces with a right answer.

    Raises:
        BadInput: there is none.
    """
    right = [trace for trace in traces if trace.is_right]
    if not right:
        raise BadInput(
            f"none of the teacher's {len(traces)} traces is right; "
            "take a better --teacher, or more --traces"
        )
    return right


def write_traces(path: Path, traces: Sequence[TeacherTrace]) -> None:
    """Write traces as JSON."""
    write_atomically(path, json.dumps([trace._asdict() for trace in traces], indent=0).encode())


def read_traces(path: Path) -> list[TeacherTrace]:
    """Read traces that `write_traces` wrote.

    Raises:
        BadInput: the file is missing or damaged.
    """
    try:
        return [TeacherTrace(**trace) for trace in json.loads(path.read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError, TypeError) as error:
        raise BadInput(f"{str(path)!r} is missing or is not a file of traces") from error
