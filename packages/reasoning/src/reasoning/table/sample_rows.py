"""Rows of countdown that sample: single traces, votes, choices by a score, and attempts.

Rows that choose use the same samples, the first `n` of a pool.
"""

from collections.abc import Sequence
from itertools import islice

from gpt.policy.policy import Policy, share_layers_as
from reasoning.budget.forcing import AttemptBudget, forced_traces
from reasoning.evaluation.answers import solves_puzzle
from reasoning.search.cost import Cost
from reasoning.table.setting import N_POOLED, Outcome, Setting, mean_outcome, traces_cost
from reasoning.tasks.vocabulary import THINK
from reasoning.verifier.aggregation import aggregate
from reasoning.verifier.best_of_n import (
    Candidate,
    choose_best,
    choose_by_vote,
    read_candidate,
    trace_logprobs,
)
from reasoning.verifier.scoring import VerifierValue


def puzzle_sample(setting: Setting, temperature: float, mode: str = THINK) -> list[Outcome]:
    """Sample one trace, and return means over eight such traces; a greedy one needs no mean.

    The eight are the first of those that vote, where any vote: with steps, at temperature 1.
    """
    n_mean = 8 if temperature else 1
    n = N_POOLED if mode == THINK and temperature == 1 else n_mean
    samples = setting.traces("countdown", n, temperature, mode)
    return [
        mean_outcome([solves_puzzle(puzzle, text) for text in texts[:n_mean]], texts[:n_mean])
        for puzzle, texts in zip(setting.puzzles, samples, strict=True)
    ]


def candidates_of(setting: Setting, n: int) -> list[list[Candidate]]:
    """Return the first `n` samples of each puzzle as candidates to choose from."""
    samples = setting.traces("countdown", N_POOLED)
    return [
        [read_candidate(puzzle, text) for text in texts[:n]]
        for puzzle, texts in zip(setting.puzzles, samples, strict=True)
    ]


def chosen_outcomes(
    setting: Setting, n: int, chosen: Sequence[Candidate | None], read: Sequence[int] | None = None
) -> list[Outcome]:
    """Return the outcomes of choices among `n` samples; `read` counts the tokens read to choose."""
    samples = setting.traces("countdown", N_POOLED)
    return [
        Outcome(float(each is not None and each.is_right), traces_cost(texts[:n], n_read))
        for each, texts, n_read in zip(chosen, samples, read or [0] * len(samples), strict=True)
    ]


def puzzle_vote(setting: Setting, n: int) -> list[Outcome]:
    """Take the answer that most of `n` samples give."""
    chosen = [choose_by_vote(each) for each in candidates_of(setting, n)]
    return chosen_outcomes(setting, n, chosen)


def best_by_logprob(setting: Setting, n: int) -> list[Outcome]:
    """Take the sample that the model itself finds likeliest; its chances cost no further tokens."""
    policy = share_layers_as(Policy, setting.model)
    samples = setting.traces("countdown", N_POOLED)
    pairs = [
        (puzzle, text)
        for puzzle, texts in zip(setting.puzzles, samples, strict=True)
        for text in texts[:n]
    ]
    logprobs = trace_logprobs(policy, pairs)
    chosen = [
        choose_best(each, logprobs[k * n : (k + 1) * n])
        for k, each in enumerate(candidates_of(setting, n))
    ]
    return chosen_outcomes(setting, n, chosen)


def best_by_process(
    setting: Setting, n: int, how: str = "last", of_answer: bool = False
) -> list[Outcome]:
    """Take the sample whose steps the process model scores highest.

    It reads the last attempt of each sample, or the operations of its answer with exact results.
    """
    candidates = candidates_of(setting, n)
    scores, read = process_scores(setting, candidates, how, of_answer)
    chosen = [choose_best(row, its) for row, its in zip(candidates, scores, strict=True)]
    return chosen_outcomes(setting, n, chosen, read)


def vote_by_process(setting: Setting, n: int) -> list[Outcome]:
    """Take the answer with the most votes, each weighted by the score of the last step."""
    candidates = candidates_of(setting, n)
    scores, read = process_scores(setting, candidates, "last", of_answer=False)
    chosen = [choose_by_vote(row, its) for row, its in zip(candidates, scores, strict=True)]
    return chosen_outcomes(setting, n, chosen, read)


def process_scores(
    setting: Setting, candidates: Sequence[Sequence[Candidate]], how: str, of_answer: bool
) -> tuple[list[list[float]], list[int]]:
    """Return the scores of the candidates of each puzzle, and the tokens that were read."""
    value = VerifierValue(setting.process)
    attempts = [
        each.answer_attempt if of_answer else each.attempt for row in candidates for each in row
    ]
    scores = iter([aggregate(steps, how) for steps in value.step_scores(attempts)])
    return (
        [list(islice(scores, len(row))) for row in candidates],
        [value.meter.read[puzzle] for puzzle in setting.puzzles],
    )


def best_by_end_test(setting: Setting, n: int) -> list[Outcome]:
    """Take a right sample if there is one: the ceiling of every choice."""
    chosen = [
        next((each for each in row if each.is_right), None) for row in candidates_of(setting, n)
    ]
    return chosen_outcomes(setting, n, chosen)


def attempts_row(setting: Setting, n_attempts: int) -> list[Outcome]:
    """Sample one trace that must answer after its first claimed hit, or after its last attempt."""
    budget, prompts = AttemptBudget(n_attempts, stops_at_hit=True), setting.prompts("countdown")
    traces = forced_traces(setting.model, prompts, budget, 1.0, setting.generator())
    return [
        Outcome(float(solves_puzzle(puzzle, each.text, n_attempts)), Cost(each.n_tokens))
        for puzzle, each in zip(setting.puzzles, traces, strict=True)
    ]
