"""The check of `epsilon_greedy_value` refuses common mistakes."""

from statistics import fmean

import pytest

from reasoning.exercises.check_epsilon_greedy_value import check
from reasoning.exercises.solutions.epsilon_greedy_value import epsilon_greedy_value
from reasoning.tasks.countdown import Puzzle, after_move, is_solvable, legal_moves, winning_moves
from reasoning.tasks.exact import random_play_value


def is_over(puzzle):
    return not is_solvable(puzzle) or len(puzzle.numbers) == 1


def states_after(puzzle, moves):
    return [Puzzle(after_move(puzzle.numbers, move), puzzle.target) for move in moves]


def mixed(puzzle, epsilon, over_winning, over_legal, value):
    """Mix a statistic over winning moves with one over legal moves."""
    if is_over(puzzle):
        return float(is_solvable(puzzle))
    winning, legal = winning_moves(puzzle), legal_moves(puzzle.numbers)
    return (1 - epsilon) * over_winning(
        [value(state, epsilon) for state in states_after(puzzle, winning)]
    ) + epsilon * over_legal([value(state, epsilon) for state in states_after(puzzle, legal)])


def epsilon_is_the_chance_to_play_well(puzzle, epsilon):
    return epsilon_greedy_value(puzzle, 1 - epsilon)


def a_random_move_never_wins(puzzle, epsilon):
    return mixed(puzzle, epsilon, fmean, lambda values: 0.0, a_random_move_never_wins)


def the_best_winning_move(puzzle, epsilon):
    return mixed(puzzle, epsilon, max, fmean, the_best_winning_move)


def greedy_at_the_first_move_only(puzzle, epsilon):
    return mixed(puzzle, epsilon, fmean, fmean, lambda state, _: float(random_play_value(state)))


def random_at_the_first_move_only(puzzle, epsilon):
    return mixed(puzzle, epsilon, fmean, fmean, lambda state, _: float(is_solvable(state)))


def one_choice_for_the_whole_game(puzzle, epsilon):
    return (1 - epsilon) * is_solvable(puzzle) + epsilon * float(random_play_value(puzzle))


def states_are_counted_and_not_moves(puzzle, epsilon):
    if is_over(puzzle):
        return float(is_solvable(puzzle))

    def mean(moves):
        states = set(states_after(puzzle, moves))
        return fmean(states_are_counted_and_not_moves(state, epsilon) for state in states)

    winning, legal = mean(winning_moves(puzzle)), mean(legal_moves(puzzle.numbers))
    return (1 - epsilon) * winning + epsilon * legal


def every_end_is_a_win(puzzle, epsilon):
    if len(puzzle.numbers) == 1:
        return 1.0
    return epsilon_greedy_value(puzzle, epsilon)


WRONG = [
    epsilon_is_the_chance_to_play_well,
    a_random_move_never_wins,
    the_best_winning_move,
    greedy_at_the_first_move_only,
    random_at_the_first_move_only,
    one_choice_for_the_whole_game,
    states_are_counted_and_not_moves,
    every_end_is_a_win,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_the_same_code_without_a_mistake_passes():
    """So the mistakes fail because of what is wrong in each, not because of how they are built."""

    def right(puzzle, epsilon):
        return mixed(puzzle, epsilon, fmean, fmean, right)

    check(right)
