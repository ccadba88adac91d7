"""A node of the search tree, by hand: 24 of 3, 5, 7 and 2."""

from reasoning.search.state import SearchState
from reasoning.tasks.countdown import Move, Puzzle

ROOT = SearchState(Puzzle((3, 5, 7, 2), 24))
MOVES = (Move(7, "+", 5, 12), Move(12, "*", 2, 24), Move(24, "-", 3, 21))


def test_each_move_leaves_one_number_less():
    state = ROOT
    for move, left in zip(MOVES, [(2, 3, 12), (3, 24), (21,)], strict=True):
        assert not state.is_terminal
        state = state.child(move)
        assert state.numbers == left
    assert state.is_terminal
    assert state.moves == MOVES


def test_only_a_terminal_state_with_the_target_is_won():
    assert not ROOT.child(MOVES[0]).child(MOVES[1]).is_won  # 24 is there, but 3 is left
    lost = SearchState(ROOT.puzzle, MOVES)
    assert lost.is_terminal
    assert not lost.is_won
    assert SearchState(Puzzle((3, 5, 7, 2), 21), MOVES).is_won
