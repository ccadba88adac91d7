"""Monte-Carlo tree search: scores by hand, what must hold in every tree, and what it finds."""

import math

import numpy as np
import pytest
import torch

from gpt.errors import BadInput
from reasoning.search.cost import Meter
from reasoning.search.evaluators import Estimates, Rollouts
from reasoning.search.language_model import LanguageModel
from reasoning.search.mcts import MCTSConfig, mcts
from reasoning.search.random_play import RandomPlay
from reasoning.search.result import final_trees
from reasoning.search.state import SearchState
from reasoning.search.tree_policy import Branch, Node, add_noise, puct, uct
from reasoning.start.data import Tasks
from reasoning.start.gate import held_out_puzzles
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Move, Puzzle, after_move, is_solvable, winning_moves

PUZZLES = [Puzzle((4, 5, 7, 9), 24), Puzzle((2, 3, 5, 7), 41), Puzzle((3, 8, 11), 35)]
MOVE = Move(3, "+", 2, 5)


def branch(visits=0, value_sum=0.0, prior=0.5, move=MOVE):
    return Branch(visits=visits, value_sum=value_sum, move=move, prior=prior, child=Node())


def random_policy(seed=0):
    return RandomPlay(np.random.default_rng(seed))


def search(puzzles, evaluate=None, score=uct, policy=None, seed=0, **config):
    policy = policy or random_policy(seed)
    evaluate = evaluate or Rollouts(policy)
    return mcts(puzzles, policy, evaluate, score, MCTSConfig(**config), np.random.default_rng(seed))


class Recorder:
    """An evaluator that remembers what it returned, by puzzle."""

    def __init__(self, evaluate):
        self.evaluate, self.uses_end_test, self.values = evaluate, evaluate.uses_end_test, {}

    def __call__(self, states):
        found = self.evaluate(states)
        for state, each in zip(states, found, strict=True):
            self.values.setdefault(state.puzzle, []).append((state, each.value))
        return found


def nodes_of(tree):
    """Return the visited nodes with their numbers, each once."""
    found, stack = {}, [(tree.puzzle.numbers, tree.root)]
    while stack:
        numbers, node = stack.pop()
        if id(node) not in found and node.visits:
            found[id(node)] = numbers, node
            stack += [(after_move(numbers, each.move), each.child) for each in node.branches]
    return list(found.values())


def test_the_scores_by_hand():
    node = Node(visits=9, value_sum=4.0)
    assert uct(node, branch()) == math.inf
    assert uct(node, branch(4, 1.0)) == pytest.approx(0.25 + math.sqrt(2 * math.log(9) / 4))
    rate = math.log((1 + 9 + 19652) / 19652) + 1.25
    assert puct(node, branch(4, 1.0, 0.2)) == pytest.approx(0.25 + rate * 0.2 * 3 / 5)
    assert puct(node, branch(prior=0.2)) == pytest.approx(rate * 0.2 * 3)


@pytest.mark.parametrize("score", [uct, puct])
def test_of_equal_moves_the_one_with_fewer_visits_is_explored(score):
    node = Node(visits=20)
    assert score(node, branch(3, 1.5)) > score(node, branch(6, 3.0))
    assert score(node, branch(6, 4.0)) > score(node, branch(6, 3.0))


def test_puct_explores_likely_moves_first():
    node = Node(visits=1)
    assert puct(node, branch(prior=0.6)) > puct(node, branch(prior=0.4))


@pytest.mark.parametrize("score", [uct, puct])
def test_in_every_tree_visits_and_values_add_up(score):
    recorder = Recorder(Rollouts(random_policy()))
    trees = final_trees(
        search(PUZZLES, recorder, score, n_simulations=60, stop_at_win=False, max_evaluated=80)
    )
    for tree in trees:
        values = recorder.values[tree.puzzle][: tree.root.visits]
        assert tree.root.value == pytest.approx(np.mean([value for _, value in values]))
        nodes = nodes_of(tree)
        assert len(nodes) > 5
        for numbers, node in nodes:
            if node.branches:
                assert node.visits == 1 + sum(each.visits for each in node.branches)
                own = [value for state, value in values if state.numbers == numbers]
                backed_up = own[:1] + [each.value_sum for each in node.branches]
                assert node.value_sum == pytest.approx(sum(backed_up))
            for each in node.branches:
                assert each.visits <= each.child.visits  # other moves may lead there too
                assert 0 <= each.value <= 1
        leaves = {state.numbers for state, _ in values}
        assert leaves == {numbers for numbers, _ in nodes} <= tree.evaluated


def test_a_move_has_the_mean_value_of_the_visits_through_it():
    recorder = Recorder(Estimates(lambda states: [len(s.moves) / 10 for s in states], True))
    [tree] = final_trees(search(PUZZLES[:1], recorder, n_simulations=80, stop_at_win=False))
    for each in tree.root.branches:
        values = [v for state, v in recorder.values[PUZZLES[0]] if state.moves[:1] == (each.move,)]
        assert each.visits == len(values)
        assert each.value == pytest.approx(np.mean(values))


def test_a_complete_attempt_has_its_exact_value_and_a_win_ends_the_search():
    estimates = Estimates(lambda states: [0.5] * len(states), uses_end_test=True)
    trees = final_trees(search(PUZZLES, estimates, n_simulations=3_000))
    for tree in trees:
        assert SearchState(tree.puzzle, tree.best_attempt or ()).is_won
        assert tree.solution(Meter()).fault is None
        assert tree.root.visits < 3_000
        for numbers, node in nodes_of(tree):
            if len(numbers) == 1:
                assert node.value == (numbers[0] == tree.puzzle.target)


def test_without_the_end_test_nothing_knows_which_attempt_won(monkeypatch):
    monkeypatch.setattr(
        SearchState, "is_won", property(lambda _: pytest.fail("the test is hidden"))
    )

    def likes_17(states):
        return [1.0 if state.numbers == (17,) else 0.5 for state in states]

    estimates = Estimates(likes_17, uses_end_test=False)
    [tree] = final_trees(search([Puzzle((2, 3, 5), 30)], estimates))
    assert tree.root.is_exhausted  # a value of 1 did not end it
    assert tree.solution(Meter()).fault == "it is 17 and not 30"


def test_a_search_ends_when_all_states_were_visited():
    [tree] = final_trees(search([Puzzle((2, 3), 99)]))  # 5, 6 and 1
    assert tree.root.visits == 4
    assert tree.best_attempt is None
    assert tree.solution(Meter()).fault == "there is no answer"
    assert tree.evaluated == {(2, 3), (5,), (6,), (1,)}


def test_a_state_that_two_moves_lead_to_is_one_node():
    [tree] = final_trees(search([Puzzle((1, 2, 7), 99)], n_simulations=5_000))
    children = {after_move((1, 2, 7), each.move): each for each in tree.root.branches}
    assert len(children) < len(tree.root.branches)  # 2 * 1 and 7 * 1 both leave 2 7
    twins = [each for each in tree.root.branches if after_move((1, 2, 7), each.move) == (2, 7)]
    assert twins[0].child is twins[1].child
    assert sum(each.visits for each in twins) == twins[0].child.visits


@pytest.mark.parametrize("limit", [5, 33])
def test_no_more_states_are_evaluated_than_allowed(limit):
    # a rollout of four numbers evaluates up to four states
    for tree in final_trees(search(PUZZLES[:2], max_evaluated=limit, stop_at_win=False)):
        assert limit - 3 <= len(tree.evaluated) <= limit
        assert tree.is_finished
    estimates = Estimates(lambda states: [0.5] * len(states), uses_end_test=True)
    for tree in final_trees(search(PUZZLES[:2], estimates, max_evaluated=limit, stop_at_win=False)):
        assert len(tree.evaluated) == tree.root.visits == limit


def test_the_values_of_a_perfect_verifier_need_few_states():
    def solvable(states):
        return [float(is_solvable(Puzzle(s.numbers, s.puzzle.target))) for s in states]

    puzzles = held_out_puzzles(Tasks.load(30, 1), 30)
    n_solved = {}
    for name, evaluate in {
        "perfect": Estimates(solvable, uses_end_test=False),
        "none": Estimates(lambda states: [0.5] * len(states), uses_end_test=True),
    }.items():
        trees = final_trees(search(puzzles, evaluate, puct, max_evaluated=64))
        n_solved[name] = sum(tree.solution(Meter()).fault is None for tree in trees)
    assert n_solved["perfect"] >= 29
    assert n_solved["none"] <= 20


def test_noise_is_a_quarter_of_the_chances_at_the_root_only():
    chances = {MOVE: 0.7, Move(3, "*", 2, 6): 0.3}
    noisy = add_noise(chances, np.random.default_rng(0))
    assert sum(noisy.values()) == pytest.approx(1)
    assert all(0.75 * chances[move] < noisy[move] <= 0.75 * chances[move] + 0.25 for move in noisy)
    [tree] = final_trees(search(PUZZLES[:1], n_simulations=30, root_noise=True, stop_at_win=False))
    assert len({each.prior for each in tree.root.branches}) > 5
    inner = max(tree.root.branches, key=lambda each: each.visits).child
    assert len({each.prior for each in inner.branches}) == 1


def test_puzzles_side_by_side_have_the_answers_that_they_have_alone():
    estimates = Estimates(lambda states: [0.5] * len(states), uses_end_test=True)
    for tree in final_trees(search(PUZZLES, estimates, n_simulations=2_000)):
        [alone] = final_trees(search([tree.puzzle], estimates, n_simulations=2_000))
        assert tree.solution(Meter()).fault is None is alone.solution(Meter()).fault


@pytest.mark.parametrize("n", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_uct_picks_a_winning_first_move_at_300_simulations(n):
    puzzles = held_out_puzzles(Tasks.load(30, 1), n)
    trees = final_trees(search(puzzles, n_simulations=300, stop_at_win=False))
    picked = [tree.root.best_branch.move in winning_moves(tree.puzzle) for tree in trees]
    assert np.mean(picked) >= 0.95
    some = final_trees(search(puzzles, n_simulations=10, stop_at_win=False))
    assert np.mean([tree.best_value for tree in some]) < 0.5  # it is not that easy


@pytest.mark.slow
def test_the_chances_of_the_model_are_worth_more_than_uniform_ones():
    puzzles = held_out_puzzles(Tasks.load(30, 1), 30)
    generator = torch.Generator().manual_seed(0)
    model = LanguageModel(load_start_model().model, generator, Meter())
    solved = {}
    for name, score, policy in (("puct", puct, model), ("uct", uct, random_policy())):
        trees = final_trees(
            search(puzzles, Rollouts(policy), score, policy, n_simulations=500, max_evaluated=64)
        )
        solutions = [tree.solution(model.meter) for tree in trees]
        assert all(each.cost.evaluated <= 64 for each in solutions)
        solved[name] = np.mean([each.fault is None for each in solutions])
    assert solved["puct"] > 0.85 > 0.65 > solved["uct"]


@pytest.mark.parametrize("name", ["n_simulations", "max_evaluated"])
def test_a_search_needs_a_simulation_and_a_state(name):
    with pytest.raises(BadInput, match=f"{name} must be at least 1, got 0"):
        MCTSConfig(**{name: 0})  # pyright: ignore[reportArgumentType]


def test_a_puzzle_is_searched_once():
    with pytest.raises(BadInput, match="is given 2 times"):
        final_trees(search(PUZZLES[:1] * 2))
