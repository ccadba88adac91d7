"""Tree of thoughts with a policy that proposes every legal move, and values that are known."""

from collections import Counter

import numpy as np
import pytest
import torch

from gpt.errors import BadInput
from reasoning.search.cost import Meter
from reasoning.search.evaluators import Estimates, Rollouts
from reasoning.search.language_model import LanguageModel
from reasoning.search.proposals import LikeliestMoves
from reasoning.search.random_play import RandomPlay
from reasoning.search.result import final_trees
from reasoning.search.state import SearchState
from reasoning.search.tree_of_thoughts import (
    breadth_first_search,
    depth_first_search,
    sample_trace,
)
from reasoning.start.data import Tasks
from reasoning.start.gate import held_out_puzzles
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Move, Puzzle, is_solvable, legal_moves
from reasoning.tasks.vocabulary import HIT, MISS

PUZZLES = [Puzzle((4, 5, 7, 9), 24), Puzzle((2, 3, 5, 7), 41), Puzzle((3, 8, 11), 35)]
SEARCHES = (breadth_first_search, depth_first_search)


class EveryMove(RandomPlay):
    """Proposes all legal moves, in their order, up to n."""

    def __init__(self):
        super().__init__(np.random.default_rng(0))
        self.asked = []

    def sample_moves(self, states, n):
        self.asked += states
        return [list(legal_moves(state.numbers)[:n]) for state in states]


def solvable(states):
    """V*: whether a state can still win."""
    return [float(is_solvable(Puzzle(s.numbers, s.puzzle.target))) for s in states]


def thoughts_of(thought):
    return [thought, *(each for child in thought.children for each in thoughts_of(child))]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("uses_end_test", [True, False])
def test_exact_values_solve_every_puzzle(search, uses_end_test):
    trees = final_trees(
        search(PUZZLES, EveryMove(), Estimates(solvable, uses_end_test), n_proposals=99)
    )
    for tree, puzzle in zip(trees, PUZZLES, strict=True):
        solution = tree.solution(Meter())
        assert solution.puzzle == puzzle
        assert solution.fault is None, solution.answer
        assert solution.cost.evaluated == len(tree.evaluated)


@pytest.mark.parametrize("search", SEARCHES)
def test_without_the_end_test_the_answer_is_the_attempt_with_the_best_value(search, monkeypatch):
    monkeypatch.setattr(
        SearchState, "is_won", property(lambda _: pytest.fail("the test is hidden"))
    )

    def likes_17(states):
        return [0.9 if state.numbers == (17,) else 0.5 for state in states]

    # wide enough to prune nothing
    width = {"breadth": 99} if search is breadth_first_search else {}
    evaluate = Estimates(likes_17, uses_end_test=False)
    [tree] = final_trees(search([Puzzle((2, 3, 5), 30)], EveryMove(), evaluate, 99, **width))
    solution = tree.solution(Meter())
    assert solution.fault == "it is 17 and not 30"


def test_a_beam_keeps_the_best_states_of_a_level_and_looks_at_no_others():
    policy = EveryMove()

    def misleading(states):  # a first move that cannot win looks best, and the right one second
        good = {(2, 15): 0.8, (3, 10): 0.9}
        return [good.get(state.numbers, 0.1) for state in states]

    puzzle = Puzzle((2, 3, 5), 17)  # 5 * 3 + 2
    evaluate = Estimates(misleading, uses_end_test=True)
    for breadth, is_right in ((1, False), (2, True)):
        policy.asked.clear()
        [tree] = final_trees(breadth_first_search([puzzle], policy, evaluate, 99, breadth))
        kept = {child.state.numbers for child in tree.root.children if child.is_kept}
        assert kept == {(3, 10), (2, 15)} if breadth == 2 else kept == {(3, 10)}
        assert [state.numbers for state in policy.asked[1:]] == [(3, 10), (2, 15)][:breadth]
        assert (tree.solution(Meter()).fault is None) is is_right


@pytest.mark.parametrize("search", SEARCHES)
def test_states_with_the_same_numbers_left_are_one_thought(search):
    # 1 * 2 and 2 / 1 are the same; so are all orders of two independent moves
    [tree] = final_trees(
        search(
            [Puzzle((1, 1, 2, 2), 99)],
            EveryMove(),
            Estimates(lambda states: [0.5] * len(states), uses_end_test=True),
            n_proposals=99,
            **({"breadth": 99} if search is breadth_first_search else {"max_evaluated": None}),
        )
    )
    numbers = [thought.state.numbers for thought in thoughts_of(tree.root)]
    assert len(numbers) == len(set(numbers)) > 10
    assert set(numbers) == tree.evaluated | {(1, 1, 2, 2)}


@pytest.mark.parametrize("search", SEARCHES)
def test_no_more_states_are_evaluated_than_allowed(search):
    rollouts = Rollouts(RandomPlay(np.random.default_rng(0)))
    for limit in (1, 7, 20):
        trees = final_trees(search(PUZZLES, EveryMove(), rollouts, 5, max_evaluated=limit))
        for tree in trees:
            assert len(tree.evaluated) <= limit
            n_thoughts = len(thoughts_of(tree.root)) - 1
            assert n_thoughts <= limit


@pytest.mark.parametrize("search", SEARCHES)
def test_the_limit_holds_for_what_the_evaluator_and_the_policy_are_given(search):
    for limit in (1, 7, 20):
        policy, given = EveryMove(), Counter()

        def half(states, given=given):
            given.update(state.puzzle for state in states)
            return [0.5] * len(states)

        evaluate = Estimates(half, uses_end_test=False)
        for trees in search(PUZZLES, policy, evaluate, 5, max_evaluated=limit):
            for tree in trees:
                assert given[tree.puzzle] == len(tree.evaluated) <= limit
        assert given[PUZZLES[0]] == limit
        # with a limit below the number of first moves, no moves are proposed after these
        assert limit > 1 or policy.asked == [SearchState(puzzle) for puzzle in PUZZLES]


def test_depth_first_search_prunes_and_backtracks():
    policy = EveryMove()

    def value(states):  # (3, 10) first, which fails; then back to (2, 15); never (5, 6)
        good = {(2, 15): 0.5, (3, 10): 0.9, (5, 6): 0.05}
        return [good.get(state.numbers, 0.05) for state in states]

    steps = [
        [state.numbers for state in policy.asked]
        for _ in depth_first_search(
            [Puzzle((2, 3, 5), 17)], policy, Estimates(value, uses_end_test=True), 99
        )
    ]
    assert steps[-1] == [(2, 3, 5), (3, 10), (2, 15)]
    assert len(steps) == 3


def test_a_value_must_exceed_the_threshold():
    half = Estimates(lambda states: [0.5] * len(states), uses_end_test=False)
    for threshold, n_asked in ((0.5, 1), (0.49, 10)):
        policy = EveryMove()
        [tree] = final_trees(
            depth_first_search([Puzzle((2, 3, 5), 17)], policy, half, 99, threshold)
        )
        assert len(policy.asked) == n_asked
        assert {child.is_kept for child in tree.root.children} == {threshold < 0.5}


def test_depth_first_search_ends_at_the_first_win():
    policy = EveryMove()
    trees = final_trees(
        depth_first_search(
            [Puzzle((2, 3, 5), 17)], policy, Estimates(solvable, uses_end_test=True), 99
        )
    )
    assert len(policy.asked) == 2
    assert trees[0].best_value == 1


@pytest.mark.parametrize("search", SEARCHES)
def test_puzzles_side_by_side_have_the_trees_that_they_have_alone(search):
    evaluate = Estimates(solvable, uses_end_test=True)
    together = final_trees(search(PUZZLES, EveryMove(), evaluate, n_proposals=4))
    for tree, puzzle in zip(together, PUZZLES, strict=True):
        [alone] = final_trees(search([puzzle], EveryMove(), evaluate, n_proposals=4))
        assert alone.evaluated == tree.evaluated
        states = [[each.state for each in thoughts_of(t.root)] for t in (alone, tree)]
        assert states[0] == states[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_proposals": 0}, "n_proposals must be at least 1, got 0"),
        ({"max_evaluated": 0}, "max_evaluated must be at least 1, got 0"),
        ({"puzzles": PUZZLES[:1] * 2}, "is given 2 times; a search takes each puzzle once"),
        ({"puzzles": []}, "a search of no puzzles has no trees"),
    ],
)
@pytest.mark.parametrize("search", SEARCHES)
def test_searches_that_cannot_start_are_refused(search, arguments, message):
    rollouts = Rollouts(RandomPlay(np.random.default_rng(0)))
    with pytest.raises(BadInput, match=message):
        final_trees(
            search(**{"puzzles": PUZZLES, **arguments}, policy=EveryMove(), evaluate=rollouts)
        )


def test_the_likeliest_moves_are_proposed_once_each():
    class Chances(RandomPlay):
        def move_chances(self, states):
            return [{Move(3, "+", 2, 5): 0.2, Move(3, "*", 2, 6): 0.7, Move(3, "-", 2, 1): 0.1}]

    state = SearchState(Puzzle((2, 3), 6))
    proposals = LikeliestMoves(Chances(np.random.default_rng(0)))
    assert proposals.sample_moves([state], 2) == [[Move(3, "*", 2, 6), Move(3, "+", 2, 5)]]
    assert len(proposals.sample_moves([state], 9)[0]) == 3


def test_a_beam_of_the_model_solves_most_puzzles():
    puzzles = held_out_puzzles(Tasks.load(30, 1), 40)
    generator = torch.Generator().manual_seed(0)
    policy = LanguageModel(load_start_model().model, generator, Meter())
    rates = {}
    for name, proposals in {"samples": policy, "likeliest": LikeliestMoves(policy)}.items():
        trees = final_trees(breadth_first_search(puzzles, proposals, Rollouts(policy, 2)))
        solutions = [tree.solution(policy.meter) for tree in trees]
        rates[name] = sum(each.fault is None for each in solutions) / len(puzzles)
        assert all(each.cost.evaluated > 0 and each.cost.generated for each in solutions)
    traces = sample_trace(policy.model, puzzles, generator)
    rates["trace"] = sum(each.fault is None for _, each in traces) / len(puzzles)
    assert rates["trace"] < 0.5 < rates["samples"] < rates["likeliest"]


def test_a_trace_is_a_search_in_one_text():
    puzzles = held_out_puzzles(Tasks.load(30, 1), 20)
    model, generator = load_start_model().model, torch.Generator().manual_seed(0)
    for text, solution in sample_trace(model, puzzles, generator):
        words = text.split()
        assert solution.cost.generated == min(len(words) + 1, 110)
        if solution.answer and solution.fault is None:
            assert text.endswith(solution.answer)
            assert words.count(HIT) + words.count(MISS) <= 4
