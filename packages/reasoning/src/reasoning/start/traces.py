"""Traces: a prompt, and the words that a model should continue it with.

::

    countdown   24 : 4 7 9 11 think  11 + 9 = 20 ; 20 + 4 = 24 ; 24 - 7 = 17 ; miss wait
                7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ; hit answer 11 * ( 7 - 4 ) - 9
    at once     24 : 4 7 9 11 answer 11 * ( 7 - 4 ) - 9
    chain       chain : 7 + 12 * 3 - 20 think 7 + 12 = 19 ; 19 * 3 = 57 ; 57 - 20 = 37 ; answer 37

A trace of countdown holds up to four attempts, of which the last one hits, as in Gandhi et al.
(2024, "Stream of Search"). So the model learns to notice a miss and to begin again. The choices of
a missed attempt (two numbers and the operator) are not learned, since they are random; their
results and the verdict are.
"""

from collections.abc import Sequence

import numpy as np

from gpt.policy.rows import Example
from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import (
    Move,
    Numbers,
    Puzzle,
    legal_moves,
    sample_miss,
    sample_solution,
)
from reasoning.tasks.vocabulary import ANSWER, CHAIN, HIT, MISS, THINK, TOKENIZER, WAIT

STEP_END = ";"
STEP_TOKENS = 6
"""Tokens of a step of countdown, which writes a move: `7 + 3 = 10 ;`."""
Word = tuple[str, bool]
"""A word and whether it is learned."""


def learned_words(text: str) -> list[Word]:
    """Return the words of a text, all of them learned."""
    return [(word, True) for word in text.split()]


def countdown_prompt(puzzle: Puzzle, mode: str = THINK) -> str:
    """Return the prompt of a puzzle; the order of its numbers is kept."""
    return f"{puzzle.target} : {' '.join(map(str, puzzle.numbers))} {mode}"


def chain_prompt(chain: Chain, mode: str = THINK) -> str:
    """Return the prompt of a chain."""
    steps = " ".join(f"{operator} {operand}" for operator, operand in chain.operations)
    return f"{CHAIN} : {chain.first} {steps} {mode}"


def attempt_words(moves: Sequence[Move], target: int) -> list[Word]:
    """Return an attempt and its verdict; the choices of a miss are not learned."""
    is_hit = moves[-1].result == target
    words: list[Word] = []
    for left, operator, right, result in moves:
        words += [(word, is_hit) for word in (str(left), operator, str(right))]
        words += learned_words(f"= {result} ;")
    return words + learned_words(HIT if is_hit else MISS)


def moves_text(moves: Sequence[Move]) -> str:
    """Return moves as a trace writes them, each as one step."""
    return " ".join("{} {} {} = {} ;".format(*move) for move in moves)


def parse_move(text: str, numbers: Numbers) -> Move | None:
    """Return the move that the step `7 + 3 = 10 ;` writes, or None if it is no legal one."""
    match text.split():
        case [left, operator, right, "=", result, ";"]:
            written = left, operator, right, result
            moves = {tuple(map(str, move)): move for move in legal_moves(numbers)}
            return moves.get(written)
    return None


def moves_as_expression(puzzle: Puzzle, moves: Sequence[Move]) -> str:
    """Return moves as one expression, with parentheses only where they are needed."""
    formulas = [(number, str(number), "") for number in puzzle.numbers]
    for left, operator, right, result in moves:
        sides: list[str] = []
        for side, value in enumerate((left, right)):
            place = next(i for i, (number, *_) in enumerate(formulas) if number == value)
            _, text, inner = formulas.pop(place)
            is_sum = inner in ("+", "-")
            if is_sum and (operator == "*" or (operator == "-" and side == 1)):
                text = f"( {text} )"
            sides.append(text)
        formulas.append((result, f"{sides[0]} {operator} {sides[1]}", operator))
    return formulas[0][1]


def countdown_trace(puzzle: Puzzle, n_attempts: int, random: np.random.Generator) -> Example:
    """Return the prompt of a puzzle with `n_attempts` attempts and its answer."""
    words: list[Word] = []
    for _ in range(n_attempts - 1):
        words += attempt_words(sample_miss(puzzle, random), puzzle.target) + learned_words(WAIT)
    solution = sample_solution(puzzle, random)
    words += attempt_words(solution, puzzle.target)
    words += learned_words(f"{ANSWER} {moves_as_expression(puzzle, solution)}")
    return as_example(countdown_prompt(puzzle), words)


def direct_trace(puzzle: Puzzle, random: np.random.Generator) -> Example:
    """Return the prompt of a puzzle with its answer at once."""
    solution = sample_solution(puzzle, random)
    words = learned_words(moves_as_expression(puzzle, solution))
    return as_example(countdown_prompt(puzzle, ANSWER), words)


def chain_trace(chain: Chain, operations_per_line: int = 1) -> Example:
    """Return the prompt of a chain with its steps and its answer."""
    words: list[Word] = []
    value, results = chain.first, chain.results()
    for begin in range(0, len(results), operations_per_line):
        line = chain.operations[begin : begin + operations_per_line]
        result = results[begin + len(line) - 1]
        text = " ".join(f"{operator} {operand}" for operator, operand in line)
        words += learned_words(f"{value} {text} = {result} ;")
        value = result
    return as_example(chain_prompt(chain), words + learned_words(f"{ANSWER} {value}"))


def direct_chain_trace(chain: Chain) -> Example:
    """Return the prompt of a chain with its answer at once."""
    return as_example(chain_prompt(chain, ANSWER), learned_words(str(chain.results()[-1])))


def as_example(prompt: str, words: Sequence[Word]) -> Example:
    """Return prompt and words as tokens, with the mask of those that are learned, and the end."""
    tokens = TOKENIZER.encode(prompt)
    mask = [False] * len(tokens) + [is_learned for _, is_learned in words] + [True]
    tokens += TOKENIZER.encode(" ".join(word for word, _ in words))
    return Example([*tokens, TOKENIZER.end_of_text], mask)
