"""Best of n: sample several traces, and answer with the one that a score prefers.

    one sample    no choice: the mean over the samples
    vote          the answer that most samples give (Wang et al. 2022)
    logprob       the trace that the model itself finds likeliest
    outcome       the highest score of an outcome model (Cobbe et al. 2021)
    process       the highest score of a process model, by one of its aggregations
    weighted      a vote in which each sample weighs as much as its score (Li et al. 2022)
    exact check   a sample whose last attempt wins: the ceiling of a verifier that reads it
    oracle        right if any sample is: the ceiling of every choice

A trace may have several attempts. Verifiers read the last one as if it were the first: a state is
the numbers that are left, and earlier misses do not change it. In the rows "of the answer",
verifiers read the operations of the answered expression as moves. The results of these moves are
calculated exactly, so such a row also uses the rules. A sample without a well-formed answer is
never chosen and has no vote.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from gpt.evaluation.intervals import Interval, bootstrap_mean, paired_difference
from gpt.policy.policy import Policy
from gpt.policy.rows import pad_examples, prompt_answer_example, split_into_batches
from reasoning.evaluation.answers import answer_expression, count_attempts, solves_puzzle
from reasoning.start.traces import STEP_END, countdown_prompt
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.expressions import Expression
from reasoning.tasks.vocabulary import MAX_ATTEMPTS, TOKENIZER, WORDS
from reasoning.verifier.attempts import Attempt, last_attempt
from reasoning.voting.votes import majority_vote


class Candidate(NamedTuple):
    """A sampled trace, with all that the choices use."""

    attempt: Attempt
    """The last attempt of the trace, as if it were the first."""
    answer: str | None
    """The answered expression; None if there is none, or the trace has too many attempts."""
    is_right: bool
    answer_attempt: Attempt
    """The operations of the answer as an attempt; its text is empty if a number has no token."""


def answer_as_attempt(puzzle: Puzzle, expression: Expression | None) -> Attempt:
    """Return the operations of an answer as the moves of a first attempt, with exact results."""
    steps = []
    for operation in expression.operations() if expression is not None else ():
        values = [operand.value for operand in operation.operands]
        if operation.operator in "+*":
            values.sort(reverse=True)  # traces write the larger number first
        left, right = values if len(values) == 2 else (values[0], None)
        steps.append(f"{left} {operation.operator} {right} = {operation.value} {STEP_END}")
    text = " ".join(steps)
    # a result outside of 0 to 199, or a fraction, has no token
    return Attempt(puzzle, text if set(text.split()) <= set(WORDS) else "")


def read_candidate(puzzle: Puzzle, trace: str) -> Candidate:
    """Return a trace as a candidate: its last attempt, its answer, and whether this is right."""
    expression = answer_expression(trace)
    has_answer = expression is not None and count_attempts(trace) <= MAX_ATTEMPTS
    answer = str(expression) if has_answer else None
    return Candidate(
        last_attempt(puzzle, trace),
        answer,
        solves_puzzle(puzzle, trace),
        answer_as_attempt(puzzle, expression if has_answer else None),
    )


@torch.no_grad()
def trace_logprobs(policy: Policy, pairs: Sequence[tuple[Puzzle, str]]) -> list[float]:
    """Return the log-probability of each trace, given its puzzle; the end of the text included."""
    logprobs: list[float] = []
    for part in split_into_batches(pairs, 128):
        examples = [
            prompt_answer_example(
                TOKENIZER.encode(countdown_prompt(puzzle)),
                [*TOKENIZER.encode(trace), TOKENIZER.end_of_text],
            )
            for puzzle, trace in part
        ]
        rows = pad_examples(examples).to(policy.head_weight.device)
        logprobs += policy(rows.tokens, rows.mask).sum(dim=1).tolist()
    return logprobs


def choose_best(candidates: Sequence[Candidate], scores: Sequence[float]) -> Candidate | None:
    """Return the candidate with the highest score among those that answer; the first of equals."""
    answered = [place for place, each in enumerate(candidates) if each.answer is not None]
    return candidates[max(answered, key=lambda place: scores[place])] if answered else None


def choose_by_vote(
    candidates: Sequence[Candidate], weights: Sequence[float] | None = None
) -> Candidate | None:
    """Return the first candidate that gives the answer with the most votes."""
    winner = majority_vote([each.answer for each in candidates], weights)
    return next((each for each in candidates if winner is not None and each.answer == winner), None)


def right_choices(
    candidates: Sequence[Candidate],
    scores: Mapping[str, Sequence[float]],
    weights: Mapping[str, Sequence[float]],
) -> dict[str, float]:
    """Return how often each method is right on a puzzle: 1 or 0; for one sample, the mean.

    Args:
        candidates: the samples of one puzzle.
        scores: the scores of the samples by the name of the method that takes the highest.
        weights: the weights of the samples by the name of the vote that they weigh.
    """
    chosen = {"vote": choose_by_vote(candidates)}
    chosen |= {name: choose_best(candidates, each) for name, each in scores.items()}
    chosen |= {name: choose_by_vote(candidates, each) for name, each in weights.items()}
    right = {name: float(each is not None and each.is_right) for name, each in chosen.items()}
    one = float(np.mean([each.is_right for each in candidates]))
    oracle = float(any(each.is_right for each in candidates))
    return {"one sample": one, **right, "oracle": oracle}


class ChoiceRate(NamedTuple):
    """How often the choices of a method are right, and how much more often than a vote."""

    rate: Interval
    over_vote: Interval
    """Paired difference to the vote, on the same samples."""


def choice_rates(rows: Sequence[Mapping[str, float]]) -> dict[str, ChoiceRate]:
    """Return the rate of each method over the puzzles of `right_choices`."""
    random, vote = np.random.default_rng(0), np.array([row["vote"] for row in rows])
    rates = {}
    for name in rows[0]:
        right = np.array([row[name] for row in rows])
        rate = bootstrap_mean(right, random)
        rates[name] = ChoiceRate(rate, paired_difference(right, vote, random))
    return rates
