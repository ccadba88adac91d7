"""Rows of countdown: samples, votes, choices by a verifier, attempts, and searches.

Each row says what it uses, by letters: m the model, v a verifier, r the rules (which moves are
legal), e the end test (whether a complete attempt wins).
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from gpt.policy.policy import Policy, share_layers_as
from reasoning.budget.forcing import AttemptBudget, forced_traces
from reasoning.evaluation.answers import solves_puzzle
from reasoning.search.cost import Cost, Meter
from reasoning.search.evaluators import Estimates, Evaluator, Rollouts
from reasoning.search.language_model import LanguageModel
from reasoning.search.mcts import MCTSConfig, mcts
from reasoning.search.own_verdict import OwnVerdict
from reasoning.search.proposals import LikeliestMoves
from reasoning.search.random_play import RandomPlay
from reasoning.search.result import Solution, final_trees
from reasoning.search.state import SearchState
from reasoning.search.tree_of_thoughts import breadth_first_search
from reasoning.search.tree_policy import puct, uct
from reasoning.table.setting import N_POOLED, Outcome, Setting, generated_tokens
from reasoning.tasks.vocabulary import ANSWER, THINK
from reasoning.verifier.aggregation import aggregate
from reasoning.verifier.best_of_n import (
    Candidate,
    choose_best,
    choose_by_vote,
    read_candidate,
    trace_logprobs,
)
from reasoning.verifier.scoring import VerifierValue

MAX_EVALUATED = 64
"""States that a search may evaluate, those of rollouts included."""
MAX_VISITS = 300


def puzzle_sample(setting: Setting, temperature: float, mode: str = THINK) -> list[Outcome]:
    """Sample one trace, and return means over eight such traces; a greedy one needs no mean.

    The eight are the first of those that vote, where any vote: with steps, at temperature 1.
    """
    n_mean = 8 if temperature else 1
    n = N_POOLED if mode == THINK and temperature == 1 else n_mean
    samples = setting.traces("countdown", n, temperature, mode)
    outcomes = []
    for puzzle, texts in zip(setting.puzzles, samples, strict=True):
        right = np.mean([solves_puzzle(puzzle, text) for text in texts[:n_mean]])
        n_tokens = round(np.mean([generated_tokens(text) for text in texts[:n_mean]]))
        outcomes.append(Outcome(float(right), Cost(n_tokens)))
    return outcomes


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
    costs = [sum(map(generated_tokens, texts[:n])) for texts in samples]
    return [
        Outcome(float(each is not None and each.is_right), Cost(generated, extra))
        for each, generated, extra in zip(chosen, costs, read or [0] * len(costs), strict=True)
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
        each.answer_moves if of_answer else each.attempt for row in candidates for each in row
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


class Searcher(NamedTuple):
    """The policy of a search, its evaluator, and the meter that counts the tokens of both."""

    policy: LanguageModel
    evaluate: Evaluator
    meter: Meter


def searcher(setting: Setting, end_test: bool) -> Searcher:
    """Return the model as a policy, with the process model as the value of states."""
    meter = Meter()
    policy = LanguageModel(setting.model, setting.generator(), meter)
    value = VerifierValue(setting.process, meter)
    return Searcher(policy, Estimates(value, uses_end_test=end_test), meter)


def thoughts_row(setting: Setting, end_test: bool) -> list[Outcome]:
    """Search breadth first; the process model evaluates all states, also incomplete attempts."""
    policy, evaluate, meter = searcher(setting, end_test)
    search = breadth_first_search(setting.puzzles, LikeliestMoves(policy), evaluate, 8, 8)
    return solved([tree.solution(meter) for tree in final_trees(search)])


def mcts_row(setting: Setting, end_test: bool) -> list[Outcome]:
    """Search with PUCT, the chances of the model, and the values of the process model."""
    policy, evaluate, meter = searcher(setting, end_test)
    config, random = MCTSConfig(MAX_VISITS, MAX_EVALUATED), np.random.default_rng(setting.seed)
    search = mcts(setting.puzzles, policy, evaluate, puct, config, random)
    return solved([tree.solution(meter) for tree in final_trees(search)])


def mcts_rollouts_row(setting: Setting) -> list[Outcome]:
    """Search with PUCT, the chances of the model, and its rollouts, which the end test decides."""
    meter = Meter()
    policy = LanguageModel(setting.model, setting.generator(), meter)
    config, random = MCTSConfig(MAX_VISITS, MAX_EVALUATED), np.random.default_rng(setting.seed)
    search = mcts(setting.puzzles, policy, Rollouts(policy), puct, config, random)
    return solved([tree.solution(meter) for tree in final_trees(search)])


def own_verdict_row(setting: Setting, breadth: int) -> list[Outcome]:
    """Search breadth first; the model judges its own attempts, without the end test."""
    meter = Meter()
    policy = LanguageModel(setting.model, setting.generator(), meter)
    evaluate = Estimates(OwnVerdict(policy), uses_end_test=False)
    search = breadth_first_search(setting.puzzles, LikeliestMoves(policy), evaluate, 8, breadth)
    return solved([tree.solution(meter) for tree in final_trees(search)])


def uct_row(setting: Setting) -> list[Outcome]:
    """Search with UCT, uniform chances and random rollouts: the baseline without any model."""
    random = np.random.default_rng(setting.seed)
    policy, config = RandomPlay(random), MCTSConfig(MAX_VISITS, MAX_EVALUATED)
    search = mcts(setting.puzzles, policy, Rollouts(policy), uct, config, random)
    return solved([tree.solution(Meter()) for tree in final_trees(search)])


def puct_row(setting: Setting) -> list[Outcome]:
    """Search with PUCT and uniform chances, without rollouts: the stronger one of the baselines."""
    random = np.random.default_rng(setting.seed)
    policy, config = RandomPlay(random), MCTSConfig(MAX_VISITS, MAX_EVALUATED)
    evaluate = Estimates(same_value, uses_end_test=True)
    search = mcts(setting.puzzles, policy, evaluate, puct, config, random)
    return solved([tree.solution(Meter()) for tree in final_trees(search)])


def same_value(states: Sequence[SearchState]) -> list[float]:
    """Return 1/2 for every state, so that only the end test tells states apart."""
    return [0.5] * len(states)


class CountdownRow(NamedTuple):
    """A row of the table."""

    outcomes: Callable[[Setting], list[Outcome]]
    oracles: str
    """Letters of the oracles that the row uses, as in the docstring of this module."""


N_CHOICES = (2, 4, 8, 16, 32)
COUNTDOWN_ROWS = {
    "at once": CountdownRow(partial(puzzle_sample, temperature=1.0, mode=ANSWER), "m"),
    "one trace": CountdownRow(partial(puzzle_sample, temperature=1.0), "m"),
    "one trace, T = 0.7": CountdownRow(partial(puzzle_sample, temperature=0.7), "m"),
    "one trace, greedy": CountdownRow(partial(puzzle_sample, temperature=0.0), "m"),
    **{
        f"{n} attempt{'s' * (n > 1)}": CountdownRow(partial(attempts_row, n_attempts=n), "m")
        for n in (1, 2, 3, 4, 8)
    },
    **{f"vote of {n}": CountdownRow(partial(puzzle_vote, n=n), "m") for n in N_CHOICES},
    "best of 8, log-probability": CountdownRow(partial(best_by_logprob, n=8), "m"),
    **{
        f"best of {n}, process": CountdownRow(partial(best_by_process, n=n), "m v")
        for n in N_CHOICES
    },
    **{
        f"best of 8, process, {how}": CountdownRow(partial(best_by_process, n=8, how=how), "m v")
        for how in ("min", "prod", "mean")
    },
    **{
        f"vote of {n}, by process": CountdownRow(partial(vote_by_process, n=n), "m v")
        for n in N_CHOICES
    },
    **{
        f"best of {n}, process of the answer": CountdownRow(
            partial(best_by_process, n=n, of_answer=True), "m v r"
        )
        for n in N_CHOICES
    },
    "ToT, own verdict, 8 of 8": CountdownRow(partial(own_verdict_row, breadth=8), "m r"),
    "ToT, own verdict, 8 of 20": CountdownRow(partial(own_verdict_row, breadth=20), "m r"),
    "ToT, process, 8 of 8": CountdownRow(partial(thoughts_row, end_test=False), "m v r"),
    "MCTS, process": CountdownRow(partial(mcts_row, end_test=False), "m v r"),
    "ToT, process, end test": CountdownRow(partial(thoughts_row, end_test=True), "m v r e"),
    "MCTS, process, end test": CountdownRow(partial(mcts_row, end_test=True), "m v r e"),
    "MCTS, rollouts": CountdownRow(mcts_rollouts_row, "m r e"),
    "UCT without a model": CountdownRow(uct_row, "r e"),
    "PUCT without a model": CountdownRow(puct_row, "r e"),
    **{
        f"best of {n}, oracle": CountdownRow(partial(best_by_end_test, n=n), "m e")
        for n in N_CHOICES
    },
}


def solved(solutions: Sequence[Solution]) -> list[Outcome]:
    """Return the outcomes of searches from their checked answers."""
    return [Outcome(float(each.fault is None), each.cost) for each in solutions]
