"""The answer that follows from a changed step."""

from reasoning.tasks.chain import Chain
from reasoning.tasks.countdown import LARGEST_RESULT, calculate


def followed_answer(chain: Chain, step: int, changed: int) -> int | None:
    """Continue from the changed number, with the operations after its step."""
    value = changed
    for operator, operand in chain.operations[step + 1 :]:
        value = calculate(value, operator, operand)
        if not 1 <= value <= LARGEST_RESULT:
            return None
    return value
