"""Monte-Carlo tree search: select, evaluate, expand, back up (Browne et al. 2012, section 3).

UCT and PUCT differ only in the score that selects a move; the scores are in `tree_policy`. With
uniform chances, random rollouts and the end test this is UCT as it is without any model. With the
chances of a language model and the values of a verifier it is the search of AlphaZero (Silver et
al. 2018); unlike there, a node is expanded after its evaluation, if the limit on states allows it.

The game has one player, so a value is never negated on its way up.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from gpt.errors import BadInput
from reasoning.search.evaluators import Evaluator
from reasoning.search.model import MovePolicy
from reasoning.search.result import SearchTree, check_distinct
from reasoning.search.state import SearchState
from reasoning.search.tree_policy import Branch, BranchScore, Node, add_noise
from reasoning.tasks.countdown import Numbers, Puzzle


@dataclass(frozen=True)
class MCTSConfig:
    """When a search ends, and noise at its root."""

    n_simulations: int = 300
    """Visits of the root, at most."""
    max_evaluated: int | None = None
    """Most states that may be evaluated. A simulation that would need more ends the search."""
    stop_at_win: bool = True
    """End when an attempt has won; only with the end test, since estimates may be wrong."""
    root_noise: bool = False
    """Mix Dirichlet noise into the chances of the first move, so that repeated searches differ."""

    def __post_init__(self) -> None:
        """Raise BadInput unless there is at least one simulation and one state to evaluate."""
        for name in ("n_simulations", "max_evaluated"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")


class Simulation(NamedTuple):
    """A path from the root of a tree to a leaf."""

    tree: SearchTree[Node]
    path: list[tuple[Node, Branch]]
    leaf: Node

    @property
    def state(self) -> SearchState:
        """The leaf, with the moves of this path; other moves may lead to the same leaf."""
        return SearchState(self.tree.puzzle, tuple(branch.move for _, branch in self.path))


def mcts(
    puzzles: Sequence[Puzzle],
    policy: MovePolicy,
    evaluate: Evaluator,
    branch_score: BranchScore,
    config: MCTSConfig,
    random: np.random.Generator,
) -> Iterator[list[SearchTree[Node]]]:
    """Search all puzzles side by side, and yield their trees after each simulation.

    Each simulation calls the policy and the evaluator once, with the leaves of all puzzles.
    """
    check_distinct(puzzles)
    trees = [SearchTree(puzzle, Node()) for puzzle in puzzles]
    nodes: dict[tuple[Puzzle, Numbers], Node] = defaultdict(Node)
    for _ in range(config.n_simulations):
        # select
        simulations = [select(tree, branch_score) for tree in trees if not tree.is_finished]
        # evaluate; a simulation that exceeds the limit on states ends its tree's search
        evaluations = evaluate([each.state for each in simulations])
        counted: list[tuple[Simulation, float]] = []
        for each, evaluation in zip(simulations, evaluations, strict=True):
            if each.tree.add(each.state, evaluation, config.max_evaluated):
                counted.append((each, evaluation.value))
            else:
                each.tree.is_finished = True
        # expand
        first_visits = [each for each, _ in counted if each.leaf.visits == 0]
        priors = policy.move_chances([each.state for each in first_visits])
        for each, chances in zip(first_visits, priors, strict=True):
            if config.root_noise and not each.path:
                chances = add_noise(chances, random)
            for move, prior in chances.items():
                child = nodes[each.tree.puzzle, each.state.child(move).numbers]
                each.leaf.branches.append(Branch(move=move, prior=prior, child=child))
            random.shuffle(each.leaf.branches)
        # back up
        for each, value in counted:
            each.leaf.back_up(value)
            for node, branch in each.path:
                node.back_up(value)
                branch.back_up(value)
            has_won = evaluate.uses_end_test and each.tree.best_value == 1
            is_done = (has_won and config.stop_at_win) or each.tree.root.is_exhausted
            each.tree.is_finished = is_done
        yield trees
        if all(tree.is_finished for tree in trees):
            return


def select(tree: SearchTree[Node], branch_score: BranchScore) -> Simulation:
    """Follow the move with the highest score down to a node that is new or has no legal move."""
    path, node = [], tree.root
    while node.branches:
        open_branches = (branch for branch in node.branches if not branch.child.is_exhausted)
        branch = max(open_branches, key=partial(branch_score, node))
        path.append((node, branch))
        node = branch.child
    return Simulation(tree, path, node)
