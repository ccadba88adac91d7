"""Attempts as a model generates them, their steps, and the exact checks of both.

A step is text that ends with `;`, so the ends of steps are known by construction. A right step
writes a move: a legal one, in the form of the traces (the larger number first, the result right).
An attempt is text, kept as it was sampled with all of its errors. Its moves lead to a state of the
search, which knows moves only. An attempt wins if every step is right and the last number is the
target. The verdict `hit` plays no part.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.model.gpt import GPT
from gpt.text.tokenizers import decode
from reasoning.evaluation.sampling import ROWS_AT_ONCE
from reasoning.search.cost import generated_tokens
from reasoning.search.state import Moves, SearchState
from reasoning.start.traces import STEP_END, STEP_TOKENS, countdown_prompt, parse_move
from reasoning.tasks.countdown import Puzzle, after_move, is_solvable
from reasoning.tasks.vocabulary import ANSWER, HIT, MISS, TOKENIZER, WAIT

VERDICTS = frozenset(TOKENIZER.encode(f"{HIT} {MISS}")) | {TOKENIZER.end_of_text}
"""Tokens that end an attempt."""


class Attempt(NamedTuple):
    """A puzzle and the text of one attempt at it, without its verdict."""

    puzzle: Puzzle
    text: str

    @property
    def steps(self) -> list[str]:
        """The steps, each with its `;`; words after the last `;` belong to no step."""
        return [f"{step.strip()} {STEP_END}" for step in self.text.split(STEP_END)[:-1]]

    @property
    def moves(self) -> Moves:
        """The legal moves before the first wrong step; all of them, if no step is wrong."""
        numbers, moves = self.puzzle.numbers, []
        for step in self.steps:
            move = parse_move(step, numbers)
            if move is None:
                break
            moves.append(move)
            numbers = after_move(numbers, move)
        return tuple(moves)

    @property
    def state(self) -> SearchState:
        """The state that these moves lead to."""
        return SearchState(self.puzzle, self.moves)

    @property
    def wins(self) -> bool:
        """Whether the attempt is legal from its first word to its last, and reaches the target."""
        state = self.state
        is_legal = len(state.moves) == len(self.steps) and self.text.rstrip().endswith(STEP_END)
        return is_legal and state.is_won

    def prefix(self, n_steps: int) -> "Attempt":
        """Return the attempt with only its first `n_steps` steps."""
        return Attempt(self.puzzle, " ".join(self.steps[:n_steps]))

    def tokens(self) -> list[int]:
        """Return the prompt and the attempt as tokens."""
        return TOKENIZER.encode(f"{countdown_prompt(self.puzzle)} {self.text}")


def first_wrong_step(attempt: Attempt) -> int | None:
    """Return the number of the first step, from 1, that is not legal; None if all are legal."""
    n_legal = len(attempt.moves)
    return n_legal + 1 if n_legal < len(attempt.steps) else None


def first_lost_step(attempt: Attempt) -> int | None:
    """Return the first step, from 1, after which no moves win (V* = 0); None if there is none.

    A step that is not legal is lost as well.
    """
    state = SearchState(attempt.puzzle)
    for number, move in enumerate(attempt.moves, start=1):
        state = state.child(move)
        if not is_solvable(Puzzle(state.numbers, attempt.puzzle.target)):
            return number
    return first_wrong_step(attempt)


def last_attempt(puzzle: Puzzle, trace: str) -> Attempt:
    """Return the last attempt of a trace as if it were the first, for a verifier to read."""
    thoughts = trace.split(ANSWER)[0].split(WAIT)[-1]
    return Attempt(puzzle, thoughts.replace(HIT, "").replace(MISS, "").strip())


class SampledAttempts(NamedTuple):
    """Finished attempts, and the tokens that they cost."""

    attempts: list[Attempt]
    n_tokens: int
    """Tokens that the model generated, verdicts included."""


def finish_attempts(
    model: GPT, beginnings: Sequence[Attempt], generator: torch.Generator
) -> SampledAttempts:
    """Let the model finish each attempt at temperature 1, up to its verdict.

    Equal beginnings are read once, so a caller asks for many samples by repeating one.
    """
    sampler = partial(sample_token, generator=generator)
    attempts, n_tokens = [], 0
    for begin in range(0, len(beginnings), ROWS_AT_ONCE):
        part = beginnings[begin : begin + ROWS_AT_ONCE]
        n_moves = max(len(each.puzzle.numbers) - 1 - len(each.steps) for each in part)
        limit = STEP_TOKENS * n_moves + 1
        endings = generate_batch(model, [each.tokens() for each in part], limit, sampler, VERDICTS)
        for attempt, tokens in zip(part, endings, strict=True):
            ending = decode(TOKENIZER, tokens).strip()
            attempts.append(Attempt(attempt.puzzle, f"{attempt.text} {ending}".strip()))
            n_tokens += generated_tokens(tokens, limit)
    return SampledAttempts(attempts, n_tokens)
