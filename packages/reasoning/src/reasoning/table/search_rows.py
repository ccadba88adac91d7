"""Rows of countdown that search: by tree of thoughts or by Monte-Carlo tree search.

A row is a search and its players: who proposes the moves, and who evaluates the states after them.
So `beam_row` and `mcts_row` are written once, and each pair of players is a function of its own.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from reasoning.search.cost import Meter
from reasoning.search.evaluators import Estimates, Evaluator, Rollouts
from reasoning.search.language_model import LanguageModel
from reasoning.search.mcts import MCTSConfig, mcts
from reasoning.search.model import MovePolicy
from reasoning.search.own_verdict import OwnVerdict
from reasoning.search.proposals import LikeliestMoves
from reasoning.search.random_play import RandomPlay
from reasoning.search.result import SearchTree, final_trees
from reasoning.search.state import SearchState
from reasoning.search.tree_of_thoughts import breadth_first_search
from reasoning.search.tree_policy import BranchScore, puct
from reasoning.table.setting import Outcome, Setting
from reasoning.verifier.scoring import VerifierValue

N_PROPOSALS = 8
"""Moves that a beam tries from each state that it keeps."""
TREE_SEARCH = MCTSConfig(n_simulations=300, max_evaluated=64)
"""The limit on states includes those of rollouts."""


class Players(NamedTuple):
    """What a search needs: a policy, an evaluator, and the meter that counts the tokens of both."""

    policy: MovePolicy
    evaluate: Evaluator
    meter: Meter
    random: np.random.Generator
    """Random numbers of the search, and of random play."""


def beam_row(
    setting: Setting, players: Callable[[Setting], Players], breadth: int
) -> list[Outcome]:
    """Search breadth first through the likeliest moves, and keep `breadth` states of each level."""
    policy, evaluate, meter, _ = players(setting)
    proposals = LikeliestMoves(policy)
    search = breadth_first_search(setting.puzzles, proposals, evaluate, N_PROPOSALS, breadth)
    return search_outcomes(final_trees(search), meter)


def mcts_row(
    setting: Setting, players: Callable[[Setting], Players], branch_score: BranchScore = puct
) -> list[Outcome]:
    """Search by Monte-Carlo tree search, with PUCT or UCT as the score of a move."""
    policy, evaluate, meter, random = players(setting)
    search = mcts(setting.puzzles, policy, evaluate, branch_score, TREE_SEARCH, random)
    return search_outcomes(final_trees(search), meter)


def search_outcomes(trees: Sequence[SearchTree], meter: Meter) -> list[Outcome]:
    """Return the outcomes of searches from their best attempts, checked by the rules."""
    solutions = [tree.solution(meter) for tree in trees]
    return [Outcome(float(each.fault is None), each.cost) for each in solutions]


def model_and_process(setting: Setting) -> Players:
    """Return the model with the process model, which evaluates all states, also complete ones."""
    return with_model(setting, lambda policy: process_values(setting, policy, end_test=False))


def model_process_and_end_test(setting: Setting) -> Players:
    """Return the model with the process model, and the end test for complete attempts."""
    return with_model(setting, lambda policy: process_values(setting, policy, end_test=True))


def model_and_own_verdict(setting: Setting) -> Players:
    """Return the model, which also judges its own attempts, without the end test."""
    return with_model(setting, lambda policy: Estimates(OwnVerdict(policy), uses_end_test=False))


def model_and_rollouts(setting: Setting) -> Players:
    """Return the model with its own rollouts, which the end test decides."""
    return with_model(setting, Rollouts)


def random_play_and_rollouts(setting: Setting) -> Players:
    """Return random play with random rollouts: UCT's baseline without any model."""
    policy = RandomPlay(np.random.default_rng(setting.seed))
    return Players(policy, Rollouts(policy), Meter(), policy.random)


def random_play_and_end_test(setting: Setting) -> Players:
    """Return random play with only the end test, which is the stronger one of the baselines."""
    policy = RandomPlay(np.random.default_rng(setting.seed))
    evaluate = Estimates(same_value, uses_end_test=True)
    return Players(policy, evaluate, Meter(), policy.random)


def with_model(setting: Setting, evaluator: Callable[[LanguageModel], Evaluator]) -> Players:
    """Return the model as a policy, with the evaluator that is made from it."""
    policy = LanguageModel(setting.model, setting.generator(), Meter())
    random = np.random.default_rng(setting.seed)
    return Players(policy, evaluator(policy), policy.meter, random)


def process_values(setting: Setting, policy: LanguageModel, end_test: bool) -> Estimates:
    """Return the values of the process model, whose reading is counted with that of the policy."""
    return Estimates(VerifierValue(setting.process, policy.meter), uses_end_test=end_test)


def same_value(states: Sequence[SearchState]) -> list[float]:
    """Return 1/2 for every state, so that only the end test tells states apart."""
    return [0.5] * len(states)
