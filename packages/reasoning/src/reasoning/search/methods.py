"""The methods of `reasoning solve`, by name: each yields its best answer so far, again and again.

To add a method, write a generator that takes a `Problem`, and give it a line in METHODS.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from gpt.model.gpt import GPT
from reasoning.search.cost import Cost, Meter
from reasoning.search.evaluators import Estimates, Rollouts, SequenceChance
from reasoning.search.language_model import LanguageModel
from reasoning.search.mcts import MCTSConfig, mcts
from reasoning.search.model import MovePolicy
from reasoning.search.pictures import (
    BranchPicture,
    Picture,
    ScorePicture,
    ThoughtPicture,
    TracePicture,
    VotePicture,
)
from reasoning.search.proposals import LikeliestMoves
from reasoning.search.random_play import RandomPlay
from reasoning.search.result import Solution
from reasoning.search.tree_of_thoughts import (
    breadth_first_search,
    depth_first_search,
    sample_trace,
)
from reasoning.search.tree_policy import BranchScore, puct, uct
from reasoning.tasks.countdown import Puzzle
from reasoning.verifier.aggregation import aggregate
from reasoning.verifier.attempts import last_attempt
from reasoning.verifier.scoring import VerifierValue
from reasoning.verifier.shipped import load_verifier
from reasoning.voting.votes import count_votes, majority_vote

MAX_SIMULATIONS = 1_000
VOTES_AT_ONCE = 8
"""Traces that are sampled together, so that votes are seen to grow."""


@dataclass(frozen=True)
class Problem:
    """A puzzle, with the model and the budget that a method may use."""

    puzzle: Puzzle
    model: GPT
    temperature: float
    n_samples: int
    """Traces that vote."""
    max_evaluated: int
    """Most states that a search evaluates."""
    seed: int

    def generator(self) -> torch.Generator:
        """Return the random numbers of the model."""
        return torch.Generator().manual_seed(self.seed)

    def policy(self) -> LanguageModel:
        """Return the model as a policy with a meter of its own."""
        return LanguageModel(self.model, self.generator(), Meter(), self.temperature)


class Progress(NamedTuple):
    """The best answer of a method so far, with a picture; the last one is the result."""

    solution: Solution
    picture: Picture


def sample(problem: Problem) -> Iterator[Progress]:
    """Sample one trace, whose answer is the result."""
    [(text, solution)] = sample_trace(
        problem.model, [problem.puzzle], problem.generator(), problem.temperature
    )
    yield Progress(solution, TracePicture(text))


def vote(problem: Problem) -> Iterator[Progress]:
    """Sample traces, a few at a time, and count their answers."""
    generator, answers, n_generated = problem.generator(), [], 0
    while len(answers) < problem.n_samples:
        n = min(VOTES_AT_ONCE, problem.n_samples - len(answers))
        traces = sample_trace(problem.model, [problem.puzzle] * n, generator, problem.temperature)
        answers += [solution.answer for _, solution in traces]
        n_generated += sum(solution.cost.generated for _, solution in traces)
        solution = Solution(problem.puzzle, majority_vote(answers), Cost(n_generated))
        yield Progress(solution, VotePicture(count_votes(answers), len(answers)))


def best_of_n(problem: Problem) -> Iterator[Progress]:
    """Sample traces, and take the answer of the trace whose last attempt scores highest."""
    generator, meter, n_generated = problem.generator(), Meter(), 0
    value, scores = VerifierValue(load_verifier().verifier, meter), dict[str, float]()
    for begin in range(0, problem.n_samples, VOTES_AT_ONCE):
        n = min(VOTES_AT_ONCE, problem.n_samples - begin)
        traces = sample_trace(problem.model, [problem.puzzle] * n, generator, problem.temperature)
        n_generated += sum(solution.cost.generated for _, solution in traces)
        answered = [(text, each.answer) for text, each in traces if each.answer is not None]
        steps = value.step_scores([last_attempt(problem.puzzle, text) for text, _ in answered])
        for (_, answer), step_scores in zip(answered, steps, strict=True):
            score = aggregate(step_scores, "last")
            scores[answer] = max(score, scores.get(answer, 0.0))
        best = max(scores, key=lambda answer: scores[answer], default=None)
        cost = Cost(n_generated, meter.read[problem.puzzle])
        yield Progress(Solution(problem.puzzle, best, cost), ScorePicture(scores))


def tot(problem: Problem) -> Iterator[Progress]:
    """Search breadth first through the likeliest moves; one rollout of the model values a state."""
    policy = problem.policy()
    for [tree] in breadth_first_search(
        [problem.puzzle],
        LikeliestMoves(policy),
        Rollouts(policy),
        n_proposals=8,
        max_evaluated=problem.max_evaluated,
    ):
        yield Progress(tree.solution(policy.meter), ThoughtPicture(tree))


def tot_dfs(problem: Problem) -> Iterator[Progress]:
    """Search depth first through the likeliest moves; the model's own chances give values."""
    policy = problem.policy()
    for [tree] in depth_first_search(
        [problem.puzzle],
        LikeliestMoves(policy),
        Estimates(SequenceChance(policy), uses_end_test=True),
        threshold=1e-3,
        max_evaluated=problem.max_evaluated,
    ):
        yield Progress(tree.solution(policy.meter), ThoughtPicture(tree))


def mcts_with_model(problem: Problem) -> Iterator[Progress]:
    """Search with PUCT, the model's chances, and rollouts of the model."""
    policy = problem.policy()
    yield from tree_search(problem, policy, puct, policy.meter)


def mcts_without_model(problem: Problem) -> Iterator[Progress]:
    """Search with UCT, uniform chances, and random rollouts."""
    policy = RandomPlay(np.random.default_rng(problem.seed))
    yield from tree_search(problem, policy, uct, Meter())


def tree_search(
    problem: Problem, policy: MovePolicy, branch_score: BranchScore, meter: Meter
) -> Iterator[Progress]:
    """Search until an attempt wins, or until as many states were evaluated as are allowed."""
    config = MCTSConfig(MAX_SIMULATIONS, problem.max_evaluated)
    random = np.random.default_rng(problem.seed)
    puzzles = [problem.puzzle]
    for [tree] in mcts(puzzles, policy, Rollouts(policy), branch_score, config, random):
        yield Progress(tree.solution(meter), BranchPicture(tree))


class Method(NamedTuple):
    """A method with the oracles that it uses."""

    solve: Callable[[Problem], Iterator[Progress]]
    oracles: tuple[str, ...]
    """Among the model, a verifier, the rules (which moves are legal) and the end test."""
    about: str
    """One line for `--help`."""


METHODS = {
    "sample": Method(sample, ("model",), "one trace"),
    "vote": Method(vote, ("model",), "the answer that most traces give"),
    "best-of-n": Method(best_of_n, ("model", "verifier"), "the trace that a verifier prefers"),
    "tot": Method(tot, ("model", "rules", "end test"), "tree of thoughts, breadth first"),
    "tot-dfs": Method(tot_dfs, ("model", "rules", "end test"), "tree of thoughts, depth first"),
    "mcts": Method(mcts_with_model, ("model", "rules", "end test"), "PUCT with the model"),
    "uct": Method(mcts_without_model, ("rules", "end test"), "UCT without a model"),
}
"""Values of `--method`."""
