"""A report on a verifier on held-out puzzles: its scores next to exact values, and its choices.

The states are those of the start model's own first attempts, as often as they occur. A step that is
no legal move leads to no state: its V* and V^pi are 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as
from reasoning.evaluation.sampling import sample_texts
from reasoning.search.cost import generated_tokens
from reasoning.start.gate import MAX_TRACE, N_SAMPLES
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle
from reasoning.values.policy_value import policy_values
from reasoning.verifier.aggregation import AGGREGATIONS, aggregate
from reasoning.verifier.attempts import Attempt, finish_attempts, first_lost_step
from reasoning.verifier.best_of_n import (
    ChoiceRate,
    choice_rates,
    read_candidate,
    right_choices,
    trace_logprobs,
)
from reasoning.verifier.data import VerifierKind
from reasoning.verifier.first_error import first_errors
from reasoning.verifier.localisation import Localisation, first_low_step, localise
from reasoning.verifier.metrics import (
    ValueBin,
    calibration_bins,
    highest_rank_correlation,
    rank_correlation,
    roc_auc,
    value_calibration_error,
)
from reasoning.verifier.scoring import VerifierValue

N_ERROR_ROLLOUTS = 8
"""Rollouts from each step that the binary search tests."""


class Ranking(NamedTuple):
    """Agreement of the scores' ranking of states with the two exact values."""

    n: int
    winnable: float
    """Share of the states with V* = 1."""
    rho_v_star: float
    """Rank correlation with V*, the value under the best play."""
    rho_v_star_ceiling: float
    """The highest rank correlation with V* that scores without ties can have."""
    auc: float
    """Chance that a winnable state has a higher score than another one."""
    rho_v_pi: float
    """Rank correlation with V^pi, the value under the start model's play."""


@dataclass(frozen=True)
class VerifierReport:
    """Measurements of a verifier on held-out puzzles."""

    rankings: dict[str, Ranking]
    """Rankings of the states after each step, and of all of these states."""
    bins: list[ValueBin]
    """Calibration against V^pi, states after a step."""
    calibration_error: float
    localisation: dict[str, dict[str, Localisation]]
    """By method and kind of error."""
    choices: dict[str, ChoiceRate]
    """Best of eight, by method."""
    tokens: dict[str, int]
    """Tokens generated and read: traces, their scores, rollouts of the binary search."""

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "rankings": {
                # JSON has no NaN, which a correlation is if all states have the same value
                name: {key: None if number != number else number for key, number in row.items()}
                for name, row in ((name, each._asdict()) for name, each in self.rankings.items())
            },
            "bins": [each._asdict() for each in self.bins],
            "calibration_error": self.calibration_error,
            "localisation": {
                name: {kind: each._asdict() for kind, each in kinds.items()}
                for name, kinds in self.localisation.items()
            },
            "choices": {
                name: {"rate": each.rate._asdict(), "over_vote": each.over_vote._asdict()}
                for name, each in self.choices.items()
            },
            "tokens": self.tokens,
        }


def report_verifier(
    model: GPT,
    kind: VerifierKind,
    verifiers: Mapping[VerifierKind, VerifierValue],
    threshold: float,
    puzzles: Sequence[Puzzle],
) -> VerifierReport:
    """Measure a verifier on held-out puzzles, with eight attempts and eight traces of each.

    Args:
        model: the start model, which attempts the puzzles.
        kind: the verifier to measure.
        verifiers: all verifiers that take part in best of eight.
        threshold: the score below which a step counts as an error.
        puzzles: held-out puzzles.
    """
    generator = torch.Generator(next(model.parameters()).device).manual_seed(0)
    beginnings = [Attempt(puzzle, "") for puzzle in puzzles for _ in range(N_SAMPLES)]
    attempts = finish_attempts(model, beginnings, generator).attempts
    scores = verifiers[kind].step_scores(attempts)
    rankings, bins = rank_states(share_layers_as(Policy, model), attempts, scores)
    searched = first_errors(model, attempts, N_ERROR_ROLLOUTS, generator)
    named = {
        "verifier": [first_low_step(row, threshold) for row in scores],
        "binary search": searched.steps,
    }
    choices, tokens = best_of_eight(model, verifiers, puzzles)
    return VerifierReport(
        rankings,
        bins,
        value_calibration_error(bins),
        {name: localise(attempts, steps) for name, steps in named.items()},
        choices,
        tokens | {"binary search, generated": searched.n_tokens},
    )


def rank_states(
    policy: Policy, attempts: Sequence[Attempt], scores: Sequence[Sequence[float]]
) -> tuple[dict[str, Ranking], list[ValueBin]]:
    """Compare the scores of all steps with V* and V^pi; return the rankings and the calibration."""
    values = {puzzle: policy_values(policy, puzzle) for puzzle in {a.puzzle for a in attempts}}
    rows = []
    for attempt, row in zip(attempts, scores, strict=True):
        moves, lost = attempt.moves, first_lost_step(attempt)
        for k, score in enumerate(row, start=1):
            exact = values[attempt.puzzle][moves[:k]] if k <= len(moves) else 0.0
            rows.append((k, score, exact, lost is None or k < lost))
    steps, score, exact, winnable = (np.array(column) for column in zip(*rows, strict=True))

    def ranking(chosen: np.ndarray) -> Ranking:
        truth = winnable[chosen]
        return Ranking(
            int(chosen.sum()),
            float(truth.mean()),
            rank_correlation(score[chosen], truth),
            highest_rank_correlation(truth),
            roc_auc(score[chosen], truth),
            rank_correlation(score[chosen], exact[chosen]),
        )

    n_moves = max(len(attempt.puzzle.numbers) for attempt in attempts) - 1
    by_step = {f"step {k}": ranking(steps == k) for k in range(1, n_moves + 1) if k in steps}
    return by_step | {"all": ranking(steps > 0)}, calibration_bins(score, exact)


def best_of_eight(
    model: GPT, verifiers: Mapping[VerifierKind, VerifierValue], puzzles: Sequence[Puzzle]
) -> tuple[dict[str, ChoiceRate], dict[str, int]]:
    """Choose among eight traces of each puzzle by every method; return rates and tokens."""
    generator = torch.Generator(next(model.parameters()).device).manual_seed(1)
    prompts = [countdown_prompt(puzzle) for puzzle in puzzles]
    texts = sample_texts(model, prompts, N_SAMPLES, 1.0, MAX_TRACE, generator)
    pairs = [(puzzle, text) for puzzle, row in zip(puzzles, texts, strict=True) for text in row]
    candidates = [read_candidate(*pair) for pair in pairs]
    scores = {"logprob": trace_logprobs(share_layers_as(Policy, model), pairs)}
    scores["exact check, last attempt"] = [float(each.attempt.wins) for each in candidates]
    n_generated = sum(generated_tokens(text.split(), MAX_TRACE) for _, text in pairs)
    tokens, weights = {"eight traces, generated": n_generated}, {}
    for kind, verifier in verifiers.items():
        n_before = verifier.meter.read.total()
        steps = verifier.step_scores([each.attempt for each in candidates])
        tokens[f"eight traces, read by the {kind} model"] = verifier.meter.read.total() - n_before
        for how in AGGREGATIONS if kind == "process" else ("last",):
            scores[f"{kind}, {how}"] = [aggregate(row, how) for row in steps]
        of_answer = verifier.step_scores([each.answer_attempt for each in candidates])
        scores[f"{kind}, last, of the answer"] = [aggregate(row, "last") for row in of_answer]
        weights[f"vote weighted by {kind}, last"] = scores[f"{kind}, last"]

    def of_puzzle(by_name: dict[str, list[float]], begin: int) -> dict[str, list[float]]:
        return {name: each[begin : begin + N_SAMPLES] for name, each in by_name.items()}

    rows = [
        right_choices(
            candidates[begin : begin + N_SAMPLES],
            of_puzzle(scores, begin),
            of_puzzle(weights, begin),
        )
        for begin in range(0, len(candidates), N_SAMPLES)
    ]
    return choice_rates(rows), tokens
