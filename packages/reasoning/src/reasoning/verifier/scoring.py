"""Scores of a verifier: values of the states of a search, and of the steps of an attempt.

Verifiers read, and generate nothing. The tokens that they read are counted like those of a model
(`search.cost`): without prompts, and in a search only the last move of each state.
"""

from collections.abc import Sequence

import torch

from reasoning.evaluation.sampling import ROWS_AT_ONCE
from reasoning.search.cost import Meter
from reasoning.search.state import SearchState
from reasoning.start.traces import STEP_TOKENS, moves_text
from reasoning.verifier.attempts import Attempt
from reasoning.verifier.data import label_ends
from reasoning.verifier.model import Verifier


class VerifierValue:
    """The value of a state by a verifier: the chance that its attempt wins (a `StateValue`).

    The state is read as a first attempt: the prompt, and the moves as a trace writes them.
    """

    def __init__(self, verifier: Verifier, meter: Meter | None = None) -> None:
        self.verifier, self.meter = verifier, meter or Meter()

    def __call__(self, states: Sequence[SearchState]) -> list[float]:
        """Return the chance of each state, read at its last token."""
        for state in states:
            self.meter.read[state.puzzle] += STEP_TOKENS if state.moves else 0
        attempts = [Attempt(state.puzzle, moves_text(state.moves)) for state in states]
        return [scores[-1] for scores in self.state_scores(attempts)]

    def step_scores(self, attempts: Sequence[Attempt]) -> list[list[float]]:
        """Return the scores of the steps of each attempt, in one pass over its text."""
        for attempt in attempts:
            self.meter.read[attempt.puzzle] += len(attempt.text.split())
        return [scores[1:] for scores in self.state_scores(attempts)]

    def state_scores(self, attempts: Sequence[Attempt]) -> list[list[float]]:
        """Return the score at the end of the prompt, and after each step."""
        device = next(self.verifier.parameters()).device
        scores: list[list[float]] = []
        for begin in range(0, len(attempts), ROWS_AT_ONCE):
            part = attempts[begin : begin + ROWS_AT_ONCE]
            texts = [attempt.tokens() for attempt in part]
            rows = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
            for row, text in zip(rows, texts, strict=True):
                row[: len(text)] = torch.tensor(text)  # causal attention cannot see the padding
            chances = self.verifier.chances(rows.to(device)).tolist()
            for attempt, row in zip(part, chances, strict=True):
                scores.append([row[end] for end in label_ends(attempt)])
        return scores
