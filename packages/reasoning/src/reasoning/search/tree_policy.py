r"""The tree of Monte-Carlo tree search, and its tree policies UCT and PUCT, which select a move.

::

    UCT    Q(s, a) + c sqrt(2 ln N(s) / N(s, a))               (Kocsis & Szepesvari 2006)
    PUCT   Q(s, a) + C(s) P(s, a) sqrt(N(s)) / (1 + N(s, a))   (Silver et al. 2017, methods)
           C(s) = ln((1 + N(s) + c_base) / c_base) + c_init    (Silver et al. 2018)

N are visits, Q is the mean of the values that were backed up through a move, and P the chance that
the policy gives it. In UCT a move without visits comes first; in PUCT its Q is 0, that of a loss.

Counts belong to states, as in UCT's paper: different moves that leave the same numbers lead to one
node. The first visit of a node evaluates it, every later one takes one of its moves, so

    N(s) = 1 + sum of N(s, a) over its moves

unless no move is legal. A state is skipped once everything after it was visited, since in a game
without chance another visit would teach nothing (as MCTS-Solver does, Winands et al. 2008).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from reasoning.tasks.countdown import Move

UCT_C = 1.0
"""1 makes UCT's score that of UCB1 (Auer et al. 2002, figure 1), for values from 0 to 1."""
C_BASE, C_INIT = 19652, 1.25
"""C(s) is 1.25 at first, and grows once a state has some thousand visits."""
NOISE_ALPHA, NOISE_WEIGHT = 0.3, 0.25
"""Concentration and weight of the Dirichlet noise at the root (Silver et al. 2018, for chess)."""


@dataclass(eq=False)
class VisitStatistics:
    """Visits of a state or of a move, with the values that were backed up through it."""

    visits: int = 0
    value_sum: float = 0.0

    @property
    def value(self) -> float:
        """Mean of the values that were backed up; 0 without visits."""
        return self.value_sum / self.visits if self.visits else 0.0

    def back_up(self, value: float) -> None:
        """Count a visit with its value."""
        self.visits += 1
        self.value_sum += value


@dataclass(eq=False)
class Node(VisitStatistics):
    """A state, N(s)."""

    branches: list["Branch"] = field(default_factory=list)
    """Its legal moves, in random order: the first of equal scores wins, and the rules' order would
    always favour the same moves."""
    was_exhausted: bool = False
    """The last result of `is_exhausted`, kept to save time."""

    @property
    def is_exhausted(self) -> bool:
        """Whether every state after this one was visited, so that nothing new can be seen."""
        if not self.was_exhausted:  # once it is, it stays so
            children = (branch.child for branch in self.branches)
            self.was_exhausted = self.visits > 0 and all(each.is_exhausted for each in children)
        return self.was_exhausted

    @property
    def best_branch(self) -> "Branch":
        """The move with the highest mean value; of equals, the one with most visits."""
        return max(self.branches, key=lambda branch: (branch.value, branch.visits))


@dataclass(eq=False, kw_only=True)
class Branch(VisitStatistics):
    """A move from a state, N(s, a) and Q(s, a)."""

    move: Move
    prior: float
    """The chance that the policy gives the move, P(s, a)."""
    child: Node


BranchScore = Callable[[Node, Branch], float]
"""The score of a move from a node; the search takes the move with the highest."""


def uct(node: Node, branch: Branch) -> float:
    """Return UCT's score: UCB1, with the moves as the arms of a bandit."""
    if branch.visits == 0:
        return math.inf
    return branch.value + UCT_C * math.sqrt(2 * math.log(node.visits) / branch.visits)


def puct(node: Node, branch: Branch) -> float:
    """Return PUCT's score: likely moves are explored first, and unlikely ones rarely."""
    exploration = math.log((1 + node.visits + C_BASE) / C_BASE) + C_INIT
    rate = math.sqrt(node.visits) / (1 + branch.visits)
    return branch.value + exploration * branch.prior * rate


def add_noise(chances: dict[Move, float], random: np.random.Generator) -> dict[Move, float]:
    """Mix the chances of the first move with Dirichlet noise, at a quarter of the weight."""
    noise = random.dirichlet([NOISE_ALPHA] * len(chances))
    return {
        move: (1 - NOISE_WEIGHT) * chance + NOISE_WEIGHT * float(share)
        for (move, chance), share in zip(chances.items(), noise, strict=True)
    }
