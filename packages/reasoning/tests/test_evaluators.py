"""Values of states, and what they hide: everything here can be checked by hand."""

import numpy as np
import pytest

from reasoning.search.cost import Cost, Meter
from reasoning.search.evaluators import Estimates, Rollouts, SequenceChance, StateEvaluation
from reasoning.search.random_play import RandomPlay
from reasoning.search.result import SearchTree, Solution
from reasoning.search.state import SearchState
from reasoning.tasks.countdown import Move, Puzzle, legal_moves
from reasoning.tasks.exact import random_play_value

PUZZLE = Puzzle((2, 3, 4), 24)
ROOT = SearchState(PUZZLE)
SIX = ROOT.child(Move(3, "*", 2, 6))
WON = SIX.child(Move(6, "*", 4, 24))
LOST = SIX.child(Move(6, "-", 4, 2))
STUCK = SearchState(Puzzle((150, 150), 24))


class Recorder:
    """A `StateValue` that remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, states):
        self.asked += states
        return [0.25] * len(states)


class FixedEndings(RandomPlay):
    def sample_endings(self, states, n):
        return [[(Move(6, "*", 4, 24),)] * 3 + [(Move(6, "-", 4, 2),)] for _ in states]


def test_the_end_test_replaces_the_estimate_of_complete_attempts():
    value = Recorder()
    found = Estimates(value, uses_end_test=True)([ROOT, WON, LOST, STUCK])
    assert [each.value for each in found] == [0.25, 1, 0, 0]
    assert value.asked == [ROOT]
    assert [each.attempts for each in found] == [{}, {WON.moves: 1}, {LOST.moves: 0}, {}]


def test_without_the_end_test_a_complete_attempt_has_an_estimate(monkeypatch):
    monkeypatch.setattr(
        SearchState, "is_won", property(lambda _: pytest.fail("the test is hidden"))
    )
    value = Recorder()
    found = Estimates(value, uses_end_test=False)([ROOT, WON, LOST, STUCK])
    assert [each.value for each in found] == [0.25, 0.25, 0.25, 0]
    assert value.asked == [ROOT, WON, LOST]
    assert found[1].attempts == {WON.moves: 0.25}


def test_a_state_is_estimated_once_however_it_is_reached():
    puzzle = Puzzle((1, 2, 7), 9)
    ways = [SearchState(puzzle, (Move(x, "*", 1, x),)) for x in (2, 7)]  # both leave 2 7
    value = Recorder()
    estimates = Estimates(value, uses_end_test=False)
    assert len(estimates(ways)) == len(estimates(ways)) == 2
    assert value.asked == ways[:1]
    estimates([SearchState(Puzzle((1, 2, 7), 8), ways[0].moves)])  # of another puzzle
    assert len(value.asked) == 2


def test_a_rollout_has_the_share_of_endings_that_win():
    [found] = Rollouts(FixedEndings(np.random.default_rng(0)), 4)([SIX])
    assert found.value == 0.75
    assert found.attempts == {WON.moves: 1, LOST.moves: 0}
    [missing] = Rollouts(FixedEndings(np.random.default_rng(0)), 8)([SIX])
    assert missing.value == 3 / 8  # four endings broke the rules


def test_random_rollouts_have_the_exact_value_of_random_play_as_their_mean():
    n = 4_000
    rollouts = Rollouts(RandomPlay(np.random.default_rng(0)), n)
    exact = float(random_play_value(PUZZLE))
    values = [each.value for each in rollouts([ROOT, WON, LOST, STUCK])]
    assert values[0] == pytest.approx(exact, abs=3 * (exact * (1 - exact) / n) ** 0.5)
    assert values[1:] == [1, 0, 0]


def test_random_play_gives_all_moves_the_same_chance():
    policy = RandomPlay(np.random.default_rng(0))
    moves = legal_moves(PUZZLE.numbers)
    assert policy.move_chances([ROOT, WON]) == [dict.fromkeys(moves, 1 / 9), {}]
    [drawn, none] = policy.sample_moves([ROOT, WON], 900)
    assert none == []
    assert all(60 < drawn.count(move) < 140 for move in moves)


def test_a_policy_values_a_state_by_the_chances_of_its_moves():
    value = SequenceChance(RandomPlay(np.random.default_rng(0)))
    assert value([ROOT, SIX, WON]) == pytest.approx([1, 1 / 9, 1 / 9 / len(legal_moves((4, 6)))])


def test_the_states_of_rollouts_count_as_evaluated():
    tree = SearchTree(PUZZLE, None)
    assert tree.best_attempt is None
    ending = (Move(3, "+", 2, 5), Move(5, "*", 4, 20))
    assert tree.add(ROOT, StateEvaluation(0.0, {ending: 0.0}), limit=3)
    assert tree.evaluated == {(2, 3, 4), (4, 5), (20,)}
    assert tree.best_attempt is None  # a value of 0 is no answer
    assert not tree.add(SIX, StateEvaluation(0.5, {}), limit=3)
    assert len(tree.evaluated) == 3
    assert tree.add(SIX, StateEvaluation(1.0, {WON.moves: 1.0, LOST.moves: 0.0}), limit=6)
    assert tree.evaluated == {(2, 3, 4), (4, 5), (20,), (4, 6), (24,), (2,)}
    solution = tree.solution(Meter())
    assert solution.answer == "3 * 2 * 4"
    assert solution.fault is None
    assert solution.cost.evaluated == 6


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("2 * 3 * 4", None),
        (None, "there is no answer"),
        ("2 * 3 * 5", "it uses 2, 3, 5 and not 2, 3, 4"),
        ("2 * ( 3", "a parenthesis is not closed"),
        ("2 + 3 + 4", "it is 9 and not 24"),
    ],
)
def test_an_answer_is_judged_by_the_rules(answer, fault):
    assert Solution(PUZZLE, answer, Cost()).fault == fault
