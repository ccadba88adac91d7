"""The steps of a chain's trace, checked one by one against exact arithmetic.

If a step is right with chance p, whatever happened before it, a chain of n steps is right with
chance p^n. Every trace shows its right steps and, if it fails, one mistake; what follows a mistake
is not counted, since it continues from a wrong number. The estimate of p is

    p = right steps / (right steps + mistakes)
"""

from collections.abc import Sequence

from gpt.errors import BadInput
from reasoning.tasks.chain import Chain


def count_right_steps(chain: Chain, text: str) -> int:
    """Return the number of steps of a trace before its first mistake."""
    value, n_right = chain.first, 0
    lines = text.split(";")
    for (operator, operand), result, line in zip(
        chain.operations, chain.results(), lines, strict=False
    ):
        if line.split() != f"{value} {operator} {operand} = {result}".split():
            break
        value, n_right = result, n_right + 1
    return n_right


def step_chance(chains: Sequence[Chain], samples: Sequence[Sequence[str]]) -> float:
    """Return the estimated chance p that a step is right, given that those before it are.

    Args:
        chains: the problems.
        samples: the traces that were sampled for each of them.

    Raises:
        BadInput: there are no samples.
    """
    n_right = n_mistakes = 0
    for chain, texts in zip(chains, samples, strict=True):
        for text in texts:
            right = count_right_steps(chain, text)
            n_right, n_mistakes = n_right + right, n_mistakes + (right < len(chain.operations))
    if not n_right + n_mistakes:
        raise BadInput("there are no traces to estimate the chance of a step from")
    return n_right / (n_right + n_mistakes)
