"""The answer of a generated text, and whether it is right.

Only the answer counts, and never the word `hit`: a model may call a miss a hit. A trace with more
than four attempts counts as wrong, whatever it answers: training shows at most four, and longer
traces fall apart.
"""

from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import Puzzle, check_answer
from reasoning.tasks.expressions import Expression, ExpressionError, parse_expression
from reasoning.tasks.vocabulary import ANSWER, HIT, MAX_ATTEMPTS, MISS


def final_answer(text: str) -> str:
    """Return what follows the last word `answer`, or the whole text if it does not have the word.

    An earlier `answer` is a thought that the model took back: the last one counts.
    """
    words = text.split()
    n_before = len(words) - words[::-1].index(ANSWER) if ANSWER in words else 0
    return " ".join(words[n_before:])


def count_attempts(text: str) -> int:
    """Return the number of verdicts in a text."""
    words = text.split()
    return words.count(HIT) + words.count(MISS)


def answer_expression(text: str) -> Expression | None:
    """Return the expression that a text answers, or None if it answers none."""
    try:
        return parse_expression(final_answer(text))
    except ExpressionError:
        return None


def votable_answer(text: str, max_attempts: int = MAX_ATTEMPTS) -> str | None:
    """Return the answer of a text, or None if it is no expression or took too many attempts."""
    if answer_expression(text) is None or count_attempts(text) > max_attempts:
        return None
    return final_answer(text)


def solves_puzzle(puzzle: Puzzle, text: str, max_attempts: int = MAX_ATTEMPTS) -> bool:
    """Whether the answer of a text solves a puzzle of countdown, in at most `max_attempts`."""
    expression = answer_expression(text)
    is_right = expression is not None and check_answer(puzzle, expression) is None
    return is_right and count_attempts(text) <= max_attempts


def solves_chain(chain: Chain, text: str) -> bool:
    """Whether the answer of a text is the result of a chain, written as one number."""
    return final_answer(text) == str(chain.results()[-1])
