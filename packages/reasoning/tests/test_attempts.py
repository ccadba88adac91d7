import pytest
import torch

from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Move, Puzzle
from reasoning.verifier.attempts import (
    Attempt,
    finish_attempts,
    first_lost_step,
    first_wrong_step,
    last_attempt,
)

PUZZLE = Puzzle((4, 7, 9, 11), 24)
WON = "7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ;"


@pytest.mark.parametrize(
    ("text", "n_legal", "wins", "wrong", "lost"),
    [
        (WON, 3, True, None, None),
        ("7 - 4 = 3 ; 9 * 3 = 27 ; 27 - 11 = 16 ;", 3, False, None, 2),  # legal, but loses
        ("7 - 4 = 3 ; 11 * 3 = 34 ; 34 - 9 = 25 ;", 1, False, 2, 2),  # a wrong result
        ("7 - 4 = 2 ; 11 * 2 = 22 ; 22 + 2 = 24 ;", 0, False, 1, 1),  # hits by a wrong result
        ("7 - 4 = 3 ; 11 * 4 = 44 ; 44 - 9 = 35 ;", 1, False, 2, 2),  # 4 was used up
        ("7 - 4 = 3 ; 3 * 11 = 33 ; 33 - 9 = 24 ;", 1, False, 2, 2),  # not the form of traces
        ("7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24", 2, False, None, None),  # the last `;` is missing
        (WON + " 24", 3, False, None, None),  # a word too many
        (WON + " 24 - 0 = 24 ;", 3, False, 4, 4),  # a step too many
        ("", 0, False, None, None),
    ],
)
def test_steps_by_hand(text, n_legal, wins, wrong, lost):
    attempt = Attempt(PUZZLE, text)
    assert (len(attempt.moves), attempt.wins) == (n_legal, wins)
    assert (first_wrong_step(attempt), first_lost_step(attempt)) == (wrong, lost)


def test_a_prefix_ends_with_its_step():
    attempt = Attempt(PUZZLE, WON)
    assert attempt.prefix(0).text == ""
    assert attempt.prefix(2).text == "7 - 4 = 3 ; 11 * 3 = 33 ;"
    assert attempt.prefix(1).moves == (Move(7, "-", 4, 3),)


def test_the_last_attempt_of_a_trace_is_written_as_a_first_one():
    trace = f"11 + 9 = 20 ; 20 + 4 = 24 ; 24 - 7 = 17 ; miss wait {WON} hit answer 11 * ( 7 - 4 )"
    assert last_attempt(PUZZLE, trace) == Attempt(PUZZLE, WON)
    assert last_attempt(PUZZLE, "answer 7") == Attempt(PUZZLE, "")


def test_every_generated_token_is_counted_and_attempts_go_on_from_where_they_began():
    model, generator = load_start_model().model, torch.Generator().manual_seed(0)
    beginnings = [Attempt(PUZZLE, "7 - 4 = 3 ;"), Attempt(PUZZLE, "")] * 3
    sampled = finish_attempts(model, beginnings, generator)
    n_words = 0
    for before, after in zip(beginnings, sampled.attempts, strict=True):
        assert after.text.startswith(before.text) and len(after.steps) == 3
        assert "hit" not in after.text and "miss" not in after.text
        n_words += len(after.text.split()) - len(before.text.split()) + 1  # and the verdict
    assert sampled.n_tokens == n_words
