import numpy as np
import pytest

from gpt.text.tokenizers import decode
from reasoning.start.traces import (
    chain_trace,
    countdown_trace,
    direct_chain_trace,
    direct_trace,
    moves_as_expression,
)
from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import (
    Move,
    Puzzle,
    after_move,
    all_puzzles,
    check_answer,
    legal_moves,
    sample_solution,
)
from reasoning.tasks.expressions import parse_expression
from reasoning.tasks.vocabulary import TOKENIZER

CHAIN = Chain(7, (("+", 12), ("*", 3), ("-", 20)))


def spell(example):
    """The text of an example, and of its learned tokens."""
    kept = [token for token, is_learned in zip(*example, strict=True) if is_learned]
    return decode(TOKENIZER, example.tokens), decode(TOKENIZER, kept)


def test_a_chain_with_its_steps_and_at_once():
    prompt = "chain : 7 + 12 * 3 - 20"
    steps = "7 + 12 = 19 ; 19 * 3 = 57 ; 57 - 20 = 37 ; answer 37<|endoftext|>"
    text, kept = spell(chain_trace(CHAIN))
    assert text.strip().replace(" <", "<") == f"{prompt} think {steps}"
    assert kept.strip().replace(" <", "<") == steps
    text, kept = spell(chain_trace(CHAIN, operations_per_line=2))
    assert kept.split()[:-1] == [
        "7",
        "+",
        "12",
        "*",
        "3",
        "=",
        "57",
        ";",
        "57",
        "-",
        "20",
        "=",
        "37",
        ";",
        "answer",
        "37",
    ]
    text, kept = spell(direct_chain_trace(CHAIN))
    assert text.split()[:-1] == f"{prompt} answer 37".split() and kept.split()[:-1] == ["37"]


@pytest.mark.parametrize("n_attempts", [1, 2, 4])
def test_a_trace_is_misses_and_then_a_hit_by_the_rules(n_attempts):
    random = np.random.default_rng(n_attempts)
    for puzzle in all_puzzles()[::499]:
        text, _ = spell(countdown_trace(puzzle, n_attempts, random))
        prompt, trace = text.split(" think ")
        assert prompt.split() == [str(puzzle.target), ":", *map(str, puzzle.numbers)]
        reasoning, answer = trace.removesuffix(" <|endoftext|>").split(" answer ")
        attempts = reasoning.split(" wait ")
        assert len(attempts) == n_attempts
        for attempt in attempts:
            *lines, verdict = attempt.split(" ; ")
            numbers = puzzle.numbers
            for line in lines:
                left, operator, right, equals, result = line.split()
                move = Move(int(left), operator, int(right), int(result))
                assert move in legal_moves(numbers) and equals == "="
                numbers = after_move(numbers, move)
            assert len(lines) == 3 and len(numbers) == 1
            assert verdict == ("hit" if numbers == (puzzle.target,) else "miss")
            assert (verdict == "hit") is (attempt is attempts[-1])
        assert check_answer(puzzle, parse_expression(answer)) is None


def test_the_choices_of_a_miss_are_not_learned():
    _, kept = spell(countdown_trace(Puzzle((1, 2, 5, 6), 17), 2, np.random.default_rng(0)))
    miss, hit = kept.split(" wait ")
    unlearned = [word for word in miss.split() if not word.isdigit()]
    assert " ".join(unlearned) == "= ; = ; = ; miss"
    assert len(miss.split()) == 10
    assert hit.split("hit")[0].count("=") == 3 and len(hit.split(";")[0].split()) == 5


def test_an_expression_has_parentheses_only_where_they_are_needed():
    moves = [Move(5, "+", 1, 6), Move(9, "-", 2, 7), Move(7, "*", 6, 42)]
    assert moves_as_expression(Puzzle((1, 2, 5, 9), 42), moves) == "( 9 - 2 ) * ( 5 + 1 )"
    moves = [Move(5, "*", 2, 10), Move(10, "+", 1, 11), Move(20, "-", 11, 9)]
    assert moves_as_expression(Puzzle((1, 2, 5, 20), 9), moves) == "20 - ( 5 * 2 + 1 )"
    moves = [Move(5, "+", 2, 7), Move(7, "+", 1, 8)]
    assert moves_as_expression(Puzzle((1, 2, 5), 8), moves) == "5 + 2 + 1"


def test_every_expression_of_moves_has_the_value_of_the_moves():
    random = np.random.default_rng(0)
    for puzzle in all_puzzles()[::101]:
        moves = sample_solution(puzzle, random)
        assert check_answer(puzzle, parse_expression(moves_as_expression(puzzle, moves))) is None


def test_a_direct_answer_solves_the_puzzle():
    puzzle = Puzzle((1, 2, 5, 6), 17)
    text, kept = spell(direct_trace(puzzle, np.random.default_rng(0)))
    prompt, answer = text.removesuffix(" <|endoftext|>").split(" answer ")
    assert prompt.split() == ["17", ":", "1", "2", "5", "6"]
    assert check_answer(puzzle, parse_expression(answer)) is None
    assert kept.split()[:-1] == answer.split()
