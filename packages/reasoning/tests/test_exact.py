from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from reasoning.tasks.countdown import Puzzle, after_move, all_puzzles, is_solvable, legal_moves
from reasoning.tasks.exact import count_sequences, random_play_value, reachable_states

PUZZLE = Puzzle((4, 7, 9, 11), 24)


def playthroughs(numbers, chance=Fraction(1)):
    """Every way to play to the end, with its probability, written without the package."""
    options = set()
    for i, j in combinations(range(len(numbers)), 2):
        small, large = sorted((numbers[i], numbers[j]))
        rest = [number for place, number in enumerate(numbers) if place not in (i, j)]
        for name, result in (("+", large + small), ("-", large - small), ("*", large * small)):
            if 1 <= result <= 199:
                options.add((large, name, small, tuple(sorted([*rest, result]))))
    if not options:
        yield numbers, chance
    for *_, left in options:
        yield from playthroughs(left, chance / len(options))


def test_random_play_by_hand():
    # 9 and 33: 42 or 24; 9 * 33 is above 199
    assert random_play_value(Puzzle((9, 33), 24)) == Fraction(1, 2)
    # only 11 * 3 of nine moves leaves 9 and 33
    assert random_play_value(Puzzle((3, 9, 11), 24)) == Fraction(1, 18)
    # 7 - 4 and 9 - 4 of eighteen moves, and both leave a state like the one above
    assert random_play_value(PUZZLE) == 2 * Fraction(1, 18) * Fraction(1, 18)


def test_the_ends_of_random_play():
    assert random_play_value(Puzzle((24,), 24)) == 1
    assert random_play_value(Puzzle((25,), 24)) == 0
    assert random_play_value(Puzzle((199, 199), 99)) == 0  # no legal move


@pytest.mark.parametrize("numbers", [(4, 7, 9, 11), (2, 2, 2, 2), (1, 1, 2, 12), (9, 10, 11, 12)])
def test_values_and_counts_by_playing_every_game(numbers):
    games = list(playthroughs(numbers))
    assert sum(chance for _, chance in games) == 1
    for target in (10, 16, 24, 36, 99):
        won = sum((chance for left, chance in games if left == (target,)), Fraction(0))
        assert random_play_value(Puzzle(numbers, target)) == won
    assert count_sequences(numbers) == len(games)


def test_random_games_win_as_often_as_computed():
    random, n_games, n_won = np.random.default_rng(0), 2_000, 0
    for _ in range(n_games):
        numbers = (2, 2, 2, 2)
        while moves := legal_moves(numbers):
            numbers = after_move(numbers, moves[random.integers(len(moves))])
        n_won += numbers == (16,)
    expected = float(random_play_value(Puzzle((2, 2, 2, 2), 16)))  # 4 / 15
    assert abs(n_won / n_games - expected) < 4 * (expected * (1 - expected) / n_games) ** 0.5


def test_random_play_can_win_exactly_where_some_play_can():
    for puzzle in all_puzzles()[::1009]:
        for numbers in reachable_states(puzzle.numbers):
            state = Puzzle(numbers, puzzle.target)
            assert (random_play_value(state) > 0) is is_solvable(state)


def test_the_states_of_three_equal_numbers_by_hand():
    # 1 + 1 and 1 * 1; then 2 + 1, 2 - 1, 2 * 1 and 1 + 1, 1 * 1
    assert reachable_states((1, 1, 1)) == {(1, 1, 1), (1, 2), (1, 1), (1,), (2,), (3,)}
    assert count_sequences((1, 1, 1)) == 5


def test_states_by_playing_every_game():
    states, waiting = set(), [PUZZLE.numbers]
    while waiting:
        numbers = waiting.pop()
        states.add(numbers)
        waiting += [after_move(numbers, move) for move in legal_moves(numbers)]
    assert reachable_states(PUZZLE.numbers) == states
